/* SPDX-License-Identifier: Apache-2.0 */
/* time.c - POSIX seconds and the calendar of ASN.1 times: proleptic Gregorian, no leap seconds. */
#include "cede/der.h"

#define DAY 86400u
/* 9999-12-31 23:59:59: the last time four digits can write, and RFC 5280's "no expiration". */
#define LAST_SECOND UINT64_C(253402300799)

static bool is_leap(uint32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t month_days(uint32_t year, uint32_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first of January of a year. */
static uint32_t days_before_year(uint32_t year)
{
    uint32_t y = year - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static void put_number(uint8_t *digits, size_t count, uint32_t value)
{
    for (size_t i = count; i > 0; i--) {
        digits[i - 1] = (uint8_t)('0' + value % 10);
        value /= 10;
    }
}

void cede_time_digits(uint64_t posix_seconds, uint8_t digits[14])
{
    uint64_t seconds = posix_seconds > LAST_SECOND ? LAST_SECOND : posix_seconds;
    uint32_t day = (uint32_t)(seconds / DAY);
    uint32_t rest = (uint32_t)(seconds % DAY);
    uint32_t year = 1970 + day / 366; /* never too late; at most a few years early */
    uint32_t month = 1;

    while (days_before_year(year + 1) <= day) {
        year++;
    }
    day -= days_before_year(year);
    while (day >= month_days(year, month)) {
        day -= month_days(year, month);
        month++;
    }
    put_number(digits, 4, year);
    put_number(digits + 4, 2, month);
    put_number(digits + 6, 2, day + 1);
    put_number(digits + 8, 2, rest / 3600);
    put_number(digits + 10, 2, rest / 60 % 60);
    put_number(digits + 12, 2, rest % 60);
}

static uint32_t get_number(const uint8_t *digits, size_t count)
{
    uint32_t value = 0;

    for (size_t i = 0; i < count; i++) {
        value = value * 10 + (uint32_t)(digits[i] - '0');
    }
    return value;
}

bool cede_time_from_digits(const uint8_t digits[14], uint64_t *posix_seconds)
{
    uint32_t year, month, day, hour, minute, second, days;

    for (size_t i = 0; i < 14; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return false;
        }
    }
    year = get_number(digits, 4);
    month = get_number(digits + 4, 2);
    day = get_number(digits + 6, 2);
    hour = get_number(digits + 8, 2);
    minute = get_number(digits + 10, 2);
    second = get_number(digits + 12, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) ||
        hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    days = days_before_year(year) + day - 1;
    for (uint32_t m = 1; m < month; m++) {
        days += month_days(year, m);
    }
    *posix_seconds = (uint64_t)days * DAY + hour * 3600 + minute * 60 + second;
    if (*posix_seconds == LAST_SECOND) {
        *posix_seconds = CEDE_TIME_NONE;
    }
    return true;
}
