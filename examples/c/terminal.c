/* A terminal in C, written from packages/protocol/PROTOCOL.md alone: logs on, asks for a balance, sells once, prints what
 * came of it. Needs a C compiler and nothing else:
 *
 *   cc -O2 -o terminal terminal.c
 *   ./terminal 127.0.0.1 7100 terminal:1001 <key, 64 hex digits> 1001 <card> 978 1250
 *
 * Exit code 0: approved, 1: declined, 2: no answer, so unknown (a real one would reverse it now), 3: no logon. */
#define _POSIX_C_SOURCE 200809L
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

/* ---- SHA-256 (FIPS 180-4) and HMAC (RFC 2104), for messages of less than 512 bytes */

/* The first 32 bits of the fractional parts of the roots of the first primes: exact in 128 bits of integer arithmetic. */
static u32 fraction(u32 prime, int cubic) {
  unsigned __int128 x = (unsigned __int128)prime << (cubic ? 96 : 64);
  u64 root = 0;
  for (int bit = 36; bit >= 0; bit--) {
    unsigned __int128 y = root | (u64)1 << bit, power = cubic ? y * y * y : y * y;
    if (power <= x) root = (u64)y;
  }
  return (u32)root;
}

static u32 rotate(u32 x, int n) { return x >> n | x << (32 - n); }

static void sha256(const u8 *data, size_t length, u8 out[32]) {
  u32 h[8], k[64], w[64], s[8];
  for (u32 n = 2, found = 0; found < 64; n++) {
    u32 d = 2;
    while (d * d <= n && n % d != 0) d++;
    if (d * d <= n) continue;
    if (found < 8) h[found] = fraction(n, 0);
    k[found++] = fraction(n, 1);
  }
  u8 m[640] = {0};
  size_t total = (length + 9 + 63) / 64 * 64;
  memcpy(m, data, length), m[length] = 0x80;
  for (int i = 0; i < 8; i++) m[total - 1 - i] = (u8)((u64)length * 8 >> (8 * i));
  for (size_t at = 0; at < total; at += 64) {
    for (int i = 0; i < 16; i++)
      w[i] = (u32)m[at + 4 * i] << 24 | m[at + 4 * i + 1] << 16 | m[at + 4 * i + 2] << 8 | m[at + 4 * i + 3];
    for (int i = 16; i < 64; i++)
      w[i] = w[i - 16] + w[i - 7] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
             (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; i++) {
      u32 t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
               ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
      u32 t2 = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
               ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
      memmove(s + 1, s, 7 * sizeof *s);
      s[4] += t1, s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) h[i] += s[i];
  }
  for (int i = 0; i < 32; i++) out[i] = (u8)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void hmac(const u8 key[32], const u8 *data, size_t length, u8 out[32]) {
  u8 block[64 + 512] = {0};
  memcpy(block, key, 32), memcpy(block + 64, data, length);
  for (int i = 0; i < 64; i++) block[i] ^= 0x36;
  sha256(block, 64 + length, out);
  for (int i = 0; i < 64; i++) block[i] ^= 0x36 ^ 0x5c;
  memcpy(block + 64, out, 32);
  sha256(block, 96, out);
}

/* ---- frames and messages */

static void put(u8 *at, int bytes, u64 value) { while (bytes-- > 0) *at++ = (u8)value, value >>= 8; }
static u64 get(const u8 *at, int bytes) { return bytes == 0 ? 0 : *at | get(at + 1, bytes - 1) << 8; }

static int all(int fd, u8 *data, size_t length, int writing) {
  while (length > 0) {
    ssize_t n = writing ? send(fd, data, length, MSG_NOSIGNAL) : recv(fd, data, length, 0);
    if (n <= 0) return 0;
    data += n, length -= (size_t)n;
  }
  return 1;
}

static int sendFrame(int fd, u8 type, const u8 *payload, size_t length) {
  u8 frame[1024] = {0};
  static u32 correlation = 0;
  put(frame, 4, 8 + length), frame[4] = type, frame[5] = 1, put(frame + 8, 4, ++correlation);
  memcpy(frame + 12, payload, length);
  return all(fd, frame, 12 + length, 1);
}

/* Gives the payload's length; 0 when the connection is over. No frame is longer than a batch of 4,096 outcomes. */
static size_t receiveFrame(int fd, u8 *type, u8 *payload) {
  u8 head[12];
  if (!all(fd, head, 12, 0)) return 0;
  size_t length = get(head, 4) - 8;
  *type = head[4];
  return length <= 131072 && all(fd, payload, length, 0) ? length : 0;
}

/* The 32 bytes of binary under a key of a message's map: enough for logon, whose answers hold no other binaries. */
static const u8 *binary32(const u8 *map, size_t length, const char *key) {
  size_t n = strlen(key);
  for (size_t i = 0; i + n + 35 <= length; i++)
    if (map[i] == (0xa0 | n) && memcmp(map + i + 1, key, n) == 0 && map[i + 1 + n] == 0xc4 && map[i + 2 + n] == 32)
      return map + i + 3 + n;
  return NULL;
}

static u8 *text(u8 *at, const char *value) {
  size_t n = strlen(value);
  if (n < 32) *at++ = (u8)(0xa0 | n);
  else *at++ = 0xd9, *at++ = (u8)n;
  return (u8 *)memcpy(at, value, n) + n;
}

static void proof(const u8 key[32], const char *label, const char *id, const u8 *server, const u8 *client, u8 out[32]) {
  u8 t[256], *at = t;
  at += sprintf((char *)at, "%s", label) + 1, at += sprintf((char *)at, "%s", id) + 1;
  memcpy(at, server, 32), at[32] = 32, memcpy(at + 33, client, 32);
  hmac(key, t, (size_t)(at + 65 - t), out);
}

/* Logs on as "host:<id>" or "terminal:<number>"; 0 when that fails, or when this is not the server. */
static int logon(int fd, const char *id, const u8 key[32], u8 *buffer) {
  u8 nonce[32], server[32], mine[32], theirs[32], m[256], *at = m, type, wrong = 0;
  FILE *random = fopen("/dev/urandom", "rb");
  if (random == NULL || fread(nonce, 32, 1, random) != 1 || fclose(random) != 0) return 0;
  const char *value = strchr(id, ':') + 1;
  *at++ = 0x84, at = text(text(at, "type"), "hello"), at = text(at, "protocol"), *at++ = 1;
  at = text(at, "identity"), *at++ = 0x81;
  if (id[0] == 'h') at = text(text(at, "host"), value);
  else at = text(at, "terminal"), *at++ = 0xce, put(at, 4, __builtin_bswap32((u32)strtoul(value, NULL, 10))), at += 4;
  at = text(at, "nonce"), *at++ = 0xc4, *at++ = 32, memcpy(at, nonce, 32), at += 32;
  if (!sendFrame(fd, 1, m, (size_t)(at - m))) return 0;
  const u8 *found = binary32(buffer, receiveFrame(fd, &type, buffer), "nonce");
  if (found == NULL) return 0;
  memcpy(server, found, 32);
  proof(key, "millrace client 1", id, server, nonce, mine), proof(key, "millrace server 1", id, server, nonce, theirs);
  at = m, *at++ = 0x82, at = text(text(text(at, "type"), "logon"), "proof"), *at++ = 0xc4, *at++ = 32;
  memcpy(at, mine, 32), at += 32;
  if (!sendFrame(fd, 1, m, (size_t)(at - m))) return 0;
  if ((found = binary32(buffer, receiveFrame(fd, &type, buffer), "proof")) == NULL) return 0;
  for (int i = 0; i < 32; i++) wrong |= found[i] ^ theirs[i]; /* in constant time */
  return wrong == 0;
}

int main(int argc, char **argv) {
  if (argc != 9 || strchr(argv[3], ':') == NULL || strlen(argv[4]) != 64)
    return fprintf(stderr, "usage: %s HOST PORT host:ID|terminal:N KEY TERMINAL CARD CURRENCY AMOUNT\n", argv[0]), 3;
  static u8 buffer[131072];
  u8 key[32], type, records[2][64] = {{0}}, answered[2] = {0};
  for (unsigned i = 0, byte; i < 32; i++) key[i] = sscanf(argv[4] + 2 * i, "%2x", &byte) == 1 ? (u8)byte : 0;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  u64 ms = (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
  for (u64 i = 0; i < 2; i++) { /* a purchase, then a balance */
    u8 *r = records[i];
    put(r, 8, ms << 22 | i), put(r + 8, 8, strtoull(argv[6], NULL, 10));
    put(r + 16, 8, i == 0 ? strtoull(argv[8], NULL, 10) : 0), put(r + 56, 4, strtoul(argv[5], NULL, 10));
    r[60] = i == 0 ? 2 : 1, put(r + 62, 2, strtoul(argv[7], NULL, 10));
  }
  int response = -1, in = 0;
  for (int attempt = 0; attempt < 5 && !(answered[0] && answered[1]); attempt++) {
    if (attempt > 0) sleep(1);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *address;
    if (getaddrinfo(argv[1], argv[2], &hints, &address) != 0) continue;
    int fd = socket(address->ai_family, SOCK_STREAM, 0);
    int up = connect(fd, address->ai_addr, address->ai_addrlen) == 0, on = up && logon(fd, argv[3], key, buffer);
    if (on) {
      for (int i = 0; i < 2; i++) /* both at once; on another connection the same bytes, with REPEAT */
        if (records[i][61] = in > 0, !answered[i]) sendFrame(fd, 2, records[i], 64);
      in++;
      for (size_t length = 1; length > 0 && !(answered[0] && answered[1]);) {
        length = receiveFrame(fd, &type, buffer);
        for (u8 *o = buffer; type == 2 && length > 0 && o < buffer + length; o += 32) {
          int i = (int)(get(o, 8) & 1), code = (int)get(o + 28, 2); /* matched by what we put into the reference */
          if (code == 91) { length = 0; break; } /* a part restarts: again after a pause */
          if (!answered[i]) printf("%s response %02d available %llu\n", i ? "balance " : "purchase", code, (unsigned long long)get(o + 8, 8));
          answered[i] = 1, response = i == 0 ? code : response;
        }
      }
    }
    close(fd), freeaddrinfo(address);
    if (up && !on && in == 0) break; /* refused: trying again would not help */
  }
  if (response < 0) return puts(in ? "no answer: it is unknown whether it was done" : "no logon"), in ? 2 : 3;
  return response == 0 ? 0 : 1;
}
