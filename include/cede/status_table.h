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
X(CEDE_COSE_TAG, MALFORMED, 0x20, "another CBOR tag than this COSE object has")
X(CEDE_COSE_LABEL, MALFORMED, 0x21,
  "a label is neither integer nor text, comes twice, or there are too many")
X(CEDE_COSE_HEADER, MALFORMED, 0x22, "a header parameter has a wrong type or value")
X(CEDE_COSE_CRIT, INVALID, 0x20, "a critical header parameter is unknown, absent or unprotected")
X(CEDE_COSE_ALG, INVALID, 0x21, "the algorithm is absent, unknown or does not fit the key")
X(CEDE_COSE_KEY, INVALID, 0x22, "the COSE_Key is not one that can be used so")
X(CEDE_COSE_PAYLOAD, INVALID, 0x23, "the payload is missing, or both attached and detached")
X(CEDE_COSE_NONCE, INVALID, 0x24, "the nonce is missing or has a wrong length")
X(CEDE_COSE_CERT_HASH, UNAUTHENTIC, 0x20, "the hash names another certificate")
X(CEDE_COSE_MAC, UNAUTHENTIC, 0x21, "the MAC does not verify")
X(CEDE_CWT_TAGGED, MALFORMED, 0x28, "the CWT tag does not hold a tagged COSE object")
X(CEDE_CWT_CLAIM, INVALID, 0x28, "a claim has a wrong type or value")
X(CEDE_CWT_WINDOW, INVALID, 0x29, "the token expires before it becomes valid")
X(CEDE_CWT_EXPIRED, POLICY, 0x28, "the token has expired")
X(CEDE_CWT_NOT_YET, POLICY, 0x29, "the token is not valid yet")

/* c509 and x509 */
X(CEDE_DER_TAG, MALFORMED, 0x30, "an ASN.1 value has another tag than the format says")
X(CEDE_DER_LENGTH, MALFORMED, 0x31, "an ASN.1 length is not the shortest or not definite")
X(CEDE_DER_VALUE, MALFORMED, 0x32, "an ASN.1 value is not encoded as DER says")
X(CEDE_DER_TIME, MALFORMED, 0x33, "not a time as RFC 5280 writes it")
X(CEDE_DER_NEGATIVE, MALFORMED, 0x34, "the number must not be negative")
X(CEDE_C509_NAME, MALFORMED, 0x35, "not a name as C509 encodes it")
X(CEDE_C509_EXTENSION, MALFORMED, 0x36, "not an extension as C509 encodes it")
X(CEDE_X509_VERSION, INVALID, 0x30, "not an X.509 v3 certificate or PKCS #10 v1 request")
X(CEDE_X509_SERIAL, INVALID, 0x31, "the serial number is longer than 20 bytes")
X(CEDE_X509_ALGORITHMS_DIFFER, INVALID, 0x32,
  "the signature algorithm inside the certificate differs from the one outside")
X(CEDE_X509_EXTENSION, INVALID, 0x33, "an extension occurs twice or breaks RFC 5280")
X(CEDE_C509_TYPE, INVALID, 0x34, "not a C509 type that is known or fits here")
X(CEDE_C509_NOT_EXPRESSIBLE, INVALID, 0x35, "this X.509 object has no C509 form")
X(CEDE_CERTIFICATE_ALGORITHM, INVALID, 0x36,
  "the kind of key or signature is not supported, or the two do not fit")
X(CEDE_CERTIFICATE_UNTRUSTED, UNAUTHENTIC, 0x30, "the chain does not lead to a trust anchor")
X(CEDE_CERTIFICATE_THUMBPRINT, UNAUTHENTIC, 0x31, "the thumbprint is of another certificate")
X(CEDE_CERTIFICATE_EXPIRED, POLICY, 0x30, "a certificate is past its validity")
X(CEDE_CERTIFICATE_NOT_YET, POLICY, 0x31, "a certificate is not yet valid")
X(CEDE_CERTIFICATE_NOT_CA, POLICY, 0x32, "an issuer is not a certification authority")
X(CEDE_CERTIFICATE_PATH_LEN, POLICY, 0x33, "the path is longer than an issuer allows")
X(CEDE_CERTIFICATE_USAGE, POLICY, 0x34, "a key usage does not allow this use")
X(CEDE_CERTIFICATE_CRITICAL, POLICY, 0x35, "a critical extension is not understood")
X(CEDE_CERTIFICATE_NAME, POLICY, 0x36, "a name lies outside an issuer's name constraints")

/* coap */
X(CEDE_COAP_VERSION, MALFORMED, 0x50, "not a CoAP message of version 1")
X(CEDE_COAP_TOKEN_LENGTH, MALFORMED, 0x51, "the token is longer than 8 bytes")
X(CEDE_COAP_OPTION, MALFORMED, 0x52,
  "an option head has a reserved nibble or a number above 65535")
X(CEDE_COAP_MARKER, MALFORMED, 0x53, "a payload marker with no payload behind it")
X(CEDE_COAP_RESERVED_CODE, MALFORMED, 0x54,
  "the code has a reserved class or does not go with the type")
X(CEDE_COAP_EMPTY_MESSAGE, MALFORMED, 0x55, "an empty message with a token, options or payload")
X(CEDE_COAP_OPTION_VALUE, MALFORMED, 0x56, "the option value has a length its format forbids")
X(CEDE_COAP_URI, MALFORMED, 0x57, "not a coap or coaps URI that can be requested")
X(CEDE_COAP_CRITICAL, INVALID, 0x50, "a critical option is unknown, misplaced or malformed")
X(CEDE_COAP_BLOCK, INVALID, 0x51, "the block option does not fit the body or the request")
X(CEDE_COAP_BODY_CHANGED, INVALID, 0x52, "the body changed between two blocks")
X(CEDE_COAP_BODY_TOO_LARGE, SPACE, 0x50, "the assembled body does not fit in the buffer")
X(CEDE_COAP_BLOCK_MISSING, STATE, 0x50, "a block before this one has not been received")
X(CEDE_COAP_BUSY, STATE, 0x51, "a request is outstanding already")
X(CEDE_COAP_OPTION_ORDER, STATE, 0x52, "options must be written in ascending order")
X(CEDE_COAP_RESET, STATE, 0x53, "the peer rejected the message with a reset")
X(CEDE_COAP_TIMEOUT, BLOCKED, 0x50, "no answer within the time allowed")

/* oscore */
X(CEDE_OSCORE_OPTION, MALFORMED, 0x60, "the OSCORE option or payload is not a COSE object")
X(CEDE_OSCORE_PLAINTEXT, MALFORMED, 0x61, "the decrypted message is not a CoAP message")
X(CEDE_OSCORE_COMBINED, MALFORMED, 0x62, "not an EDHOC message_3 followed by an OSCORE request")
X(CEDE_OSCORE_EDHOC_PREFIX, MALFORMED, 0x63,
  "the EDHOC request does not begin with true or a connection identifier")
X(CEDE_OSCORE_NO_CONTEXT, UNAUTHENTIC, 0x60, "no security context for this kid and kid context")
X(CEDE_OSCORE_REPLAY, UNAUTHENTIC, 0x61, "the message has been received before")
X(CEDE_OSCORE_DECRYPTION, UNAUTHENTIC, 0x62, "the message does not decrypt in this context")
X(CEDE_OSCORE_ECHO, UNAUTHENTIC, 0x63, "the Echo value is missing, stale or not ours")
X(CEDE_OSCORE_UNPROTECTED, STATE, 0x60, "the message has no OSCORE option")
X(CEDE_OSCORE_NESTED, STATE, 0x61, "the message has an OSCORE option already")
X(CEDE_OSCORE_EXHAUSTED, STATE, 0x62, "the sender sequence numbers are used up")
X(CEDE_OSCORE_RESERVE, STATE, 0x63, "no sequence numbers are reserved in lasting memory")
X(CEDE_OSCORE_NEEDS_ECHO, BLOCKED, 0x60,
  "the replay window is lost: the request must prove that it is fresh")

/* edhoc */
X(CEDE_EDHOC_IDENTIFIER, MALFORMED, 0x70, "an identifier is not in its prescribed representation")
X(CEDE_EDHOC_SUITES, MALFORMED, 0x71, "the list of cipher suites is ill-formed")
X(CEDE_EDHOC_LENGTH, MALFORMED, 0x72, "a key, MAC, signature or message has the wrong length")
X(CEDE_EDHOC_ID_CRED, MALFORMED, 0x73, "ID_CRED is no usable COSE header map")
X(CEDE_EDHOC_EAD, MALFORMED, 0x74, "an external authorization data field is ill-formed")
X(CEDE_EDHOC_ERROR_CODE, MALFORMED, 0x75, "an error message with a reserved code or wrong info")
X(CEDE_EDHOC_CONNECTION_ID, INVALID, 0x70, "both ends chose the same connection identifier")
X(CEDE_EDHOC_REFLECTED, INVALID, 0x71, "the peer's key or credential is one's own")
X(CEDE_EDHOC_KEY_TYPE, INVALID, 0x72, "the authentication key does not fit method and suite")
X(CEDE_EDHOC_MAC, UNAUTHENTIC, 0x70, "the peer's MAC does not verify")
X(CEDE_EDHOC_METHOD, POLICY, 0x70, "the authentication method is not supported")
X(CEDE_EDHOC_WRONG_SUITE, POLICY, 0x71, "the cipher suite is not the first one in common")
X(CEDE_EDHOC_EAD_CRITICAL, POLICY, 0x72, "unknown critical external authorization data")
X(CEDE_EDHOC_UNKNOWN_CREDENTIAL, POLICY, 0x73, "no credential is known by this reference")
X(CEDE_EDHOC_STATE, STATE, 0x70, "the step does not fit the state of the EDHOC session")

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
X(CEDE_STORE_FAILED, BACKEND, 0xb0, "the store failed")
X(CEDE_STORE_UNSUPPORTED, BACKEND, 0xb1, "no such kind of store is built in")
X(CEDE_STORE_BUSY, BLOCKED, 0xb0, "the store is locked by another process")
X(CEDE_STORE_CONFLICT, STATE, 0xb0, "the change breaks a rule of the store's schema")
X(CEDE_STORE_NEWER, STATE, 0xb1, "the store was written by a newer program")
X(CEDE_STORE_SCHEMA, INVALID, 0xb0, "the store does not have the schema of this program")
X(CEDE_OS_FAILED, BACKEND, 0xb2, "the operating system refused")
X(CEDE_SERVER_FAILED, BACKEND, 0xb3, "a library of the server failed")
X(CEDE_SERVER_RUNNING, STATE, 0xb2, "another server runs on this directory")
X(CEDE_SERVER_START, STATE, 0xb3, "a process of the server gave up before it was ready")
X(CEDE_IDENTITY_EXISTS, STATE, 0xb4, "the identity exists already")
X(CEDE_IDENTITY_MODE, POLICY, 0xb0, "the private key file is open to others than its owner")
X(CEDE_IDENTITY_FORMAT, MALFORMED, 0xb0, "the file is not the key or certificate it should be")
X(CEDE_IDENTITY_MISMATCH, INVALID, 0xb1, "certificate and private key do not belong together")
X(CEDE_JWS_FORMAT, MALFORMED, 0xb1, "not a JSON Web Signature as RFC 7515 writes it")
X(CEDE_JWS_ALGORITHM, POLICY, 0xb1, "the JWS is not signed with ES256")
X(CEDE_JWS_CRITICAL, INVALID, 0xb2, "the JWS has a critical or unprotected header parameter")
X(CEDE_JWS_UNSIGNED, UNAUTHENTIC, 0xb0, "no signature of the JWS is by the expected key")
X(CEDE_HTTPS_URL, MALFORMED, 0xb2, "not an https URL")
X(CEDE_HTTPS_UNREACHABLE, BLOCKED, 0xb1, "the partner's server cannot be reached")
X(CEDE_HTTPS_TIMEOUT, BLOCKED, 0xb2, "the partner's server does not answer in time")
X(CEDE_HTTPS_TLS, UNAUTHENTIC, 0xb1, "TLS with the partner's server fails")
X(CEDE_HTTPS_TOO_LONG, SPACE, 0xb0, "the response is longer than allowed")

/* service providers and transfers (0xd0) */
X(CEDE_CONTRACT_FORMAT, MALFORMED, 0xd0, "not a contract as docs/protocol.md writes it")
X(CEDE_CONTRACT_WINDOW, INVALID, 0xd0, "the contract's window is empty")
X(CEDE_CONTRACT_SIGNATURE, UNAUTHENTIC, 0xd0, "a party has not signed the contract")
X(CEDE_CONTRACT_PARTY, POLICY, 0xd0, "the contract does not name this party")
X(CEDE_TRANSFER_STATE, STATE, 0xd0, "the transfer is not in a state that allows this")
X(CEDE_TRANSFER_DIGEST, POLICY, 0xd1, "the device list is not the one of the contract")
X(CEDE_TRANSFER_DEVICE, INVALID, 0xd1, "a device of the list is refused")
X(CEDE_TRANSFER_OFFER, POLICY, 0xd2, "the offer does not fit contract and device list")
X(CEDE_TRANSFER_CHANGED, POLICY, 0xd3, "a signed document came again with other contents")
X(CEDE_SP_DEVICE, POLICY, 0xd4, "the device is not ours, or may not connect with this certificate")
/* coap_door and ca */
X(CEDE_DOOR_DISMISS, POLICY, 0xb8, "the peer is no longer allowed in")
X(CEDE_SERVER_MEMORY, BACKEND, 0xb8, "no memory")
X(CEDE_CA_EXISTS, STATE, 0xb8, "there is a CA in this directory already")
X(CEDE_CA_STATE, STATE, 0xb9, "the CA waits for its certificate, or does not wait for one")
X(CEDE_CA_CERTIFICATE, INVALID, 0xb8, "the certificate is not one for this CA")
X(CEDE_CA_POLICY, INVALID, 0xb9, "policy.json or ca.json is wrong")
X(CEDE_CA_KIND, POLICY, 0xb9, "this CA does not issue certificates of that profile")
X(CEDE_CA_SUBJECT, POLICY, 0xba, "the policy does not allow this subject")
X(CEDE_CA_KEY, POLICY, 0xbb, "the policy does not allow this key")
X(CEDE_CA_HELD, POLICY, 0xbc, "another account holds the device and has not released it")
X(CEDE_CA_FACTORY, POLICY, 0xbd, "not a factory certificate this CA takes")
X(CEDE_CA_UNKNOWN, UNAUTHENTIC, 0xb8, "the certificate is neither registered nor issued here")
X(CEDE_CA_REVOKED, UNAUTHENTIC, 0xb9, "the certificate is revoked")
X(CEDE_CA_OTHER_KEY, POLICY, 0xbe, "another key asks while a certificate is live")
X(CEDE_CA_OTHER_HOLDER, BLOCKED, 0xb8, "a certificate of another account is live")
X(CEDE_CA_TOKEN, POLICY, 0xbf, "the enrolment token is not for this device")
X(CEDE_CA_OPERATION, POLICY, 0xc0, "the operation needs the other kind of certificate")
X(CEDE_CA_BATCH, POLICY, 0xc1, "too many or no objects in one request")
