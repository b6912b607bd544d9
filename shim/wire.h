/* shim/wire.h: questions of the shim (and of the culvert command) to the agent, and its answers.
 *
 * Plain C, PODs of fixed size, native byte order: both ends are on one machine. The socket is
 * AF_UNIX SOCK_SEQPACKET; every question is asked over a fresh connection that is closed after the
 * answer, because a descriptor kept open inside a stranger's process gets closed, reused or
 * inherited there. A connect is the one question of two packets (2, then 3). With a question about
 * a socket that may have another owner than the asking user (made before setuid(), or inherited)
 * the socket itself is passed along (SCM_RIGHTS): who holds it may speak for it. The agent looks at
 * it and closes it.
 *
 * The shim finds the agent and the address pool in its environment, read once in the constructor:
 *   CULVERT_AGENT      path of the agent's socket; in a chroot that hides it, it answers at the
 *                      abstract name CULVERT_ABSTRACT + path, if it has the file's owner
 *   CULVERT_POOL       IPv4 prefix of the virtual addresses, "127.64.0.0/10"
 *   CULVERT_DOMAINS    suffixes of virtual names, separated by spaces: without an agent these names
 *                      fail for the moment (EAI_AGAIN), all others resolve as without Culvert
 *   CULVERT_FORWARD    ordinary addresses that may be reached through the service, first match
 *                      counts: "10.20.0.0/16 !10.0.0.0/8 ::/0"; connects and datagrams to them are
 *                      asked about
 *   CULVERT_OWN        "127.112.246.29", this machine's own virtual address: where connects to
 *                      virtual addresses come from; empty or absent: from 127.0.0.1
 *   CULVERT_DNS        "127.64.53.0:53", the agent's name server for programs that have a resolver
 *                      of their own; they are shown port 53 of it, whatever its port is
 *   CULVERT_LOW_PORTS  "mapped": a connect to port p < 1024 may have gone to
 *                      CULVERT_LOW_PORT_BASE + p, because the agent may not bind low ports or a
 *                      server of this machine has p on 0.0.0.0; getpeername() maps it back
 *   CULVERT_PUBLISH    "always": the agent is told of UDP sockets whose port the kernel has chosen
 *                      when their program asks for it (getsockname)
 *   CULVERT_RAW_CALLS  "own": syscall() is libc's, for who makes such calls to go around the shim;
 * of this process alone, exec does not put it back
 */
#ifndef CULVERT_SHIM_WIRE_H
#define CULVERT_SHIM_WIRE_H

#include <stdint.h>

#define CULVERT_WIRE_MAGIC 0x43756c76u /* "Culv" */
#define CULVERT_WIRE_VERSION 1
#define CULVERT_LOW_PORT_BASE 64512 /* 64512 + 1023 = 65535 */
/* Where a connect is held whose own port a program here listens on: getpeername() asks then. Above
 * the ports that Linux gives to clients, below the mapped low ones. */
#define CULVERT_ELSEWHERE_FIRST 61000
#define CULVERT_ELSEWHERE_LAST 64511
#define CULVERT_DATAGRAMS_SECONDS 4
#define CULVERT_HOLD_SECONDS 1
#define CULVERT_ABSTRACT "culvert:" /* the name begins with a zero octet before it */
#define CULVERT_NAME_MAX 254        /* RFC 1035: 253 octets of text, and the final zero */

enum culvert_question {
  /* name, family (AF_INET, AF_INET6 or AF_UNSPEC)
   *   -> FOUND (address), NOT_OURS, NO_SUCH_NAME, TRY_AGAIN. May take as long as DNS may. */
  CULVERT_ASK_NAME = 1,
  /* cookie, address + port (virtual, or one of CULVERT_FORWARD), flags -> HOLD (address + port to
   * connect to really, flags), FAIL (error: the errno connect() returns at once), NOT_OURS. */
  CULVERT_ASK_CONNECT = 2,
  /* On the same connection after HOLD: cookie, address + port = the socket's own local address, now
   * in SYN_SENT. No answer. Closing without it abandons the connect.
   * Or right behind ASK_CONNECT, in the same message: the socket connects to where an earlier HOLD
   * with CULVERT_HOLDS_ON has said. Neither is answered then. */
  CULVERT_TELL_CONNECTING = 3,
  /* cookie -> FOUND (error: why this socket's connect failed), NOT_OURS if nothing is known. */
  CULVERT_ASK_ERROR = 4,
  /* address (virtual) -> FOUND (name; the address itself, as text, where it stands for an ordinary
   * one), NOT_OURS, NO_SUCH_NAME, TRY_AGAIN */
  CULVERT_ASK_ADDRESS = 5,
  /* cookie, address + port = the bound local address of a socket that listen() was just called on
   * -> FOUND (published or not: policy; the program goes on either way) */
  CULVERT_TELL_LISTENING = 6,
  /* from `culvert run`: -> FOUND (address + port: pool address and prefix length; flags) */
  CULVERT_ASK_AGENT = 7,
  /* from `culvert status`: -> JSON text in packets of at most 16 KiB, ended by end of file */
  CULVERT_ASK_STATUS = 8,
  /* from `culvert run`: -> the text of CULVERT_FORWARD, in packets as above */
  CULVERT_ASK_FORWARDING = 9,
  /* from `culvert why`: name (a host name or an address) -> "carried" or "direct" and a sentence
   * for each step of the decision, a line each, in packets as above */
  CULVERT_ASK_WHY = 10,
  /* Datagrams are about to be sent from a socket: cookie, address + port (virtual, or one of
   * CULVERT_FORWARD), flags, the socket's own port in the upper half of flags (0: it has none yet)
   * -> HOLD (address + port to send to really), NOT_OURS, FAIL. Holds for
   * CULVERT_DATAGRAMS_SECONDS, and as long as it lives.
   */
  CULVERT_ASK_DATAGRAMS = 11,
  /* cookie, address + port = the bound local address of a UDP socket -> FOUND, as 6 */
  CULVERT_TELL_BOUND = 12,
  /* from `culvert run`: -> FOUND (address + port of the agent's name server), NOT_OURS if it has
   * none */
  CULVERT_ASK_DNS = 13,
  /* from `culvert enable` and `culvert disable`, of root: the setting of system-wide mode has
   * changed -> FOUND: it is on, NOT_OURS: it is off, FAIL (name: why) */
  CULVERT_TELL_SYSTEM_WIDE = 14,
  /* from `culvert run`: -> FOUND (address: this machine's own virtual one), NOT_OURS: none yet */
  CULVERT_ASK_OWN_ADDRESS = 15,
  /* from `culvert run`: name = URL of a proxy that its user has set, or "pac+" and that of a PAC
   * script -> FOUND: taken up, NOT_OURS: it will not be used */
  CULVERT_TELL_PROXY = 16,
  /* port: bind() of a TCP socket to it, on every address, has failed with EADDRINUSE -> FOUND: the
   * agent held that port of some virtual address for connects that are over, and does no more;
   * NOT_OURS: it is not the agent who is in the way, or programs are connecting there. May take a
   * bit longer than CULVERT_HOLD_SECONDS. */
  CULVERT_ASK_TO_LET_GO = 17,
  /* address + port (of CULVERT_ELSEWHERE_FIRST and up): the peer of a connected socket -> FOUND
   * (port: the one that its program wanted), NOT_OURS: that one, as far as is known */
  CULVERT_ASK_WANTED_PORT = 18,
  /* port, flags: bind() of a UDP socket to it, on every address, has failed with EADDRINUSE ->
   * FOUND: nobody but the agent is in the way, whose sockets share addresses (SO_REUSEADDR) until
   * this connection is closed; NOT_OURS. */
  CULVERT_ASK_TO_SHARE = 19,
  /* cookie, address + port = the peer of a connection that accept() has returned at a listener that
   * takes IPv6 alone -> FOUND, and beside it (SCM_RIGHTS) the connection that was meant; NOT_OURS:
   * it is what it seems to be */
  CULVERT_ASK_ACCEPTED = 20,
  /* cookie, address + port, the socket's own port in the upper half of flags, of a UDP socket that
   * takes IPv6 alone: who sends from there -> FOUND (the caller's virtual address and port); or,
   * about such a caller: where he hears from -> FOUND (an IPv6 address and port). NOT_OURS. */
  CULVERT_ASK_SENDER = 21
};

enum culvert_verdict {
  CULVERT_FOUND = 1,
  CULVERT_NOT_OURS = 2,     /* the agent has nothing to do with it: ask libc */
  CULVERT_NO_SUCH_NAME = 3, /* EAI_NONAME */
  CULVERT_TRY_AGAIN = 4,    /* EAI_AGAIN */
  CULVERT_HOLD = 5,
  CULVERT_FAIL = 6
};

/* flags of questions */
#define CULVERT_MAPPED_V6 2u /* an AF_INET6 socket: its peer is ::ffff:virtual */
/* of TELL_LISTENING and TELL_BOUND, by a porter: the cookie is of a socket that stands in for the
 * program's, address + port are where that listens, name is the token that the agent has to give to
 * the stand-in */
#define CULVERT_STANDS_IN 4u
/* of both, by a porter or a supervisor: the bits from here on are the program's process */
#define CULVERT_PROGRAM_SHIFT 8
#define CULVERT_AT_OWN_ADDRESS 8u /* of ASK_DATAGRAMS: the socket is bound to the own address */
#define CULVERT_SHARES_ITSELF 16u /* of ASK_TO_SHARE: so does the socket, as the program wants */
/* of TELL_BOUND: the kernel has chosen the port. Others learn it from the program alone: the agent
 * answers there, and announces it to nobody. */
#define CULVERT_KERNEL_CHOSE 32u
/* of TELL_LISTENING and TELL_BOUND: who accepts there asks ASK_ACCEPTED, and who receives there
 * ASK_SENDER. Otherwise a listener that takes IPv6
 * alone is reached by nobody from elsewhere. */
#define CULVERT_ASKS_ACCEPTED 64u
/* flags of answers */
#define CULVERT_LOW_PORTS_MAPPED 2u /* see CULVERT_LOW_PORTS above */
#define CULVERT_PUBLISHES 4u        /* listeners may be published */
#define CULVERT_PUBLISHES_ALL 16u   /* ... and nobody is asked about any of them */
/* of HOLD: for CULVERT_HOLD_SECONDS, connects to this address need not wait for an answer */
#define CULVERT_HOLDS_ON 8u

struct culvert_question_packet {
  uint32_t magic;
  uint16_t version;
  uint16_t kind;   /* enum culvert_question */
  uint64_t cookie; /* SO_COOKIE of the program's socket, 0 if none */
  uint32_t flags;
  uint16_t family;                 /* AF_* */
  uint16_t port;                   /* host order */
  uint8_t address[16];             /* IPv4 in the first four octets, network order */
  char name[CULVERT_NAME_MAX + 2]; /* zero-terminated */
};

struct culvert_answer_packet {
  uint32_t magic;
  uint16_t version;
  uint16_t verdict; /* enum culvert_verdict */
  int32_t error;    /* errno for the program, or 0 */
  uint32_t flags;
  uint16_t family;
  uint16_t port;
  uint8_t address[16];
  char name[CULVERT_NAME_MAX + 2];
};

#ifdef __cplusplus
static_assert(sizeof(culvert_question_packet) == 296, "shim and agent must agree");
static_assert(sizeof(culvert_answer_packet) == 292, "shim and agent must agree");
#else
_Static_assert(sizeof(struct culvert_question_packet) == 296, "shim and agent must agree");
_Static_assert(sizeof(struct culvert_answer_packet) == 292, "shim and agent must agree");
#endif

#endif
