// agent/program_join.h: our socket against a program's that is in SYN_SENT towards a virtual
// address. Both need no privilege; both are over within the call on loopback (34 and 46 us
// [measured]).
#pragma once
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

// Connects from the virtual address to the program's socket, which is connecting to us: a
// simultaneous open (RFC 9293 figure 8). kRefused: it is not connecting (any more). The result is
// connected when join_outcome() says so; until then it is not writable.
Result<UniqueFd> join_program(const SocketAddress& program, const SocketAddress& from);
// 0: connected. EALREADY: not yet. Else why it failed.
int join_outcome(const UniqueFd& ours, const SocketAddress& program);

// Resets the program's socket, which never becomes connected: it goes to SYN_RECEIVED by a
// connection of ours that is deaf to its answer, and that we forget; the next one looks to it like
// an old duplicate, and is told so (RFC 5961 section 4.2), upon which ours sends the RST (RFC 9293
// section 3.5.1, recovery from half-open connections). The program's kernel says ECONNRESET, with
// the poll mask of any refused connect [9000 of 9000].
// Keep the result until the program's socket is gone: a firewall that drops what it takes for
// invalid packets delays the exchange until the program repeats its SYN-ACK, after 1 s.
Result<UniqueFd> reset_program(const SocketAddress& program, const SocketAddress& from);

}  // namespace culvert::agent
