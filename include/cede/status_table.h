/* SPDX-License-Identifier: Apache-2.0 */
/* status_table.h - every status: X(name, class, number, reason). A number is unique in its class
 * and never reused. Each module has a block of numbers per class, so that they can grow apart:
 * base 0x01, cbor 0x10, cose and cwt 0x20, c509 and x509 0x30, crypto 0x40, coap 0x50, oscore 0x60,
 * edhoc 0x70, est 0x80, transfer 0x90, device 0xa0, server and store 0xb0. No include guard: the
 * file is meant to be included with different X. */

/* base */
X(CEDE_TRUNCATED, MALFORMED, 0x01, "the input ends too early")
X(CEDE_TRAILING_BYTES, MALFORMED, 0x02, "bytes follow the end of the object")
X(CEDE_NO_SPACE, SPACE, 0x01, "the output buffer is too small")
X(CEDE_BAD_ARGUMENT, STATE, 0x01, "an argument breaks the function's contract")
X(CEDE_INTERNAL, INTERNAL, 0x01, "a promise inside cede does not hold")
X(CEDE_NOT_FOUND, POLICY, 0x01, "no such object")

/* cbor */
X(CEDE_CBOR_TYPE, MALFORMED, 0x10, "the data item has another major type than the format says")
X(CEDE_CBOR_NOT_SHORTEST, MALFORMED, 0x11, "the head is not the shortest encoding")
X(CEDE_CBOR_INDEFINITE, MALFORMED, 0x12, "indefinite lengths are not deterministic CBOR")
X(CEDE_CBOR_RESERVED, MALFORMED, 0x13, "reserved additional information in a head")
X(CEDE_CBOR_RANGE, MALFORMED, 0x14, "the number is outside the range the format allows")
X(CEDE_CBOR_KEY_ORDER, MALFORMED, 0x15,
  "map keys are not in deterministic order, or one occurs twice")
X(CEDE_CBOR_DEPTH, MALFORMED, 0x16, "data items are nested too deep")
X(CEDE_CBOR_UTF8, MALFORMED, 0x17, "a text string is not UTF-8")
X(CEDE_CBOR_COUNT, MALFORMED, 0x18, "wrong number of elements")
X(CEDE_CBOR_KEY, MALFORMED, 0x19, "a map key is unknown, missing or twice")

/* crypto */
X(CEDE_CRYPTO_UNSUPPORTED, BACKEND, 0x40, "the crypto back end does not have this algorithm")
X(CEDE_CRYPTO_FAILED, BACKEND, 0x41, "the crypto back end failed")
X(CEDE_CRYPTO_RANDOM, BACKEND, 0x42, "no random bytes to be had")
X(CEDE_CRYPTO_KEY, INVALID, 0x40, "the key is not a valid key of its curve")
X(CEDE_CRYPTO_LOW_ORDER, INVALID, 0x41, "the shared secret is zero: a low-order point")
X(CEDE_CRYPTO_SIGNATURE, UNAUTHENTIC, 0x40, "the signature does not verify")
X(CEDE_CRYPTO_TAG, UNAUTHENTIC, 0x41, "the authentication tag does not verify")

/* cose and cwt */

/* c509 and x509 */

/* coap */

/* oscore */

/* edhoc */

/* est */

/* transfer */

/* device */
X(CEDE_JOURNAL_BLANK, STATE, 0xa0, "nothing was ever committed to the journal")
X(CEDE_JOURNAL_DAMAGED, BACKEND, 0xa0, "no slot of the journal holds a whole record")
X(CEDE_JOURNAL_FLASH, BACKEND, 0xa1, "the flash does not read back what was written to it")
X(CEDE_JOURNAL_FULL, SPACE, 0xa0, "the record does not fit into a journal slot")
X(CEDE_FILE_FAILED, BACKEND, 0xa2, "a file operation failed")
X(CEDE_FILE_PERMISSIONS, POLICY, 0xa0, "the file is not ours alone: owner or mode are wrong")
X(CEDE_FILE_LOCKED, BLOCKED, 0xa0, "another process uses the file")
X(CEDE_SOCKET_FAILED, BACKEND, 0xa3, "a socket operation failed")
X(CEDE_SOCKET_NAME, BACKEND, 0xa4, "the host name does not resolve")
X(CEDE_SOCKET_AGAIN, BLOCKED, 0xa1, "the socket is not ready")

/* server and store */
