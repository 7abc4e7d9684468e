/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - runs a fuzz target without libFuzzer.
 *
 *   fuzz_NAME FILE...          every seed, every prefix of it, and it with each byte changed
 *   fuzz_NAME --bytes FILE...  each file is one input, as libFuzzer leaves them
 *
 * A seed file is text: one seed a line, a label and hexadecimal digits; # begins a comment.
 */
#include "fuzz.h"

#define SEED_MAX 16384
#define LINE_MAX (2 * SEED_MAX + 128)

static size_t runs;

/* On the heap and of exact size: AddressSanitizer sees one byte too far. */
static void run(const uint8_t *bytes, size_t len)
{
    uint8_t *input = malloc(len > 0 ? len : 1);

    REQUIRE(input != NULL);
    memcpy(input, bytes, len);
    REQUIRE(LLVMFuzzerTestOneInput(input, len) == 0);
    free(input);
    runs++;
}

static void run_variations(uint8_t *seed, size_t len)
{
    static const uint8_t flips[] = {0x01, 0x20, 0x80, 0xff};

    for (size_t i = 0; i <= len; i++) {
        run(seed, i);
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t flip = flips[i % sizeof flips];
        seed[i] ^= flip;
        run(seed, len);
        seed[i] ^= flip;
    }
}

static int digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

/* Label and bytes of a line; false for a comment or blank line. */
static bool parse_seed(char *line, uint8_t *seed, size_t *len, const char *file)
{
    char *text = line + strcspn(line, " \n");

    *len = 0;
    if (line[0] == '#' || line[0] == '\n' || line[0] == '\0') {
        return false;
    }
    if (*text == ' ') {
        *text++ = '\0';
    }
    text[strcspn(text, "\n")] = '\0';
    for (; *text != '\0'; text += 2) {
        int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);
        if (low < 0 || *len == SEED_MAX) {
            fprintf(stderr, "%s: seed %s is not hexadecimal, or too long\n", file, line);
            exit(2);
        }
        seed[(*len)++] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static FILE *open_or_exit(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        perror(path);
        exit(2);
    }
    return file;
}

static size_t run_seeds(const char *path)
{
    static char line[LINE_MAX];
    static uint8_t seed[SEED_MAX];
    FILE *file = open_or_exit(path);
    size_t count = 0, len;

    while (fgets(line, sizeof line, file) != NULL) {
        if (!parse_seed(line, seed, &len, path)) {
            continue;
        }
        count++;
        run_variations(seed, len);
    }
    fclose(file);
    return count;
}

static void run_file(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = open_or_exit(path);

    run(bytes, fread(bytes, 1, sizeof bytes, file));
    fclose(file);
}

int main(int argc, char **argv)
{
    bool bytes = argc > 1 && strcmp(argv[1], "--bytes") == 0;
    size_t seeds = 0;

    for (int i = bytes ? 2 : 1; i < argc; i++) {
        if (bytes) {
            run_file(argv[i]);
        } else {
            seeds += run_seeds(argv[i]);
        }
    }
    printf("%zu seeds, %zu inputs\n", seeds, runs);
    return runs > 0 ? 0 : 1;
}
