// agent/shim_question.h: the packets of shim/wire.h as values. The sender is a process of some
// user: nothing in a packet is believed before it was checked here. Does no I/O.
#pragma once
#include <string>
#include <string_view>

#include "shim/wire.h"
#include "tunnel/base/address.h"
#include "tunnel/base/bytes.h"

namespace culvert::agent {

struct ShimQuestion {
  culvert_question kind = CULVERT_ASK_NAME;
  std::uint64_t cookie = 0;
  std::uint32_t flags = 0;
  int family = 0;         // of the name wanted, or of `address` before a v4-mapped one became IPv4
  SocketAddress address;  // 0.0.0.0:0 if the question has none
  std::string name;
};

// kProtocol: not our packet, another version (the message says what to do), unknown kind, an
// address family that the kind may not have, a name without its end, no cookie where one is needed.
Result<ShimQuestion> parse_question(Bytes packet);

// `error` is for CULVERT_FAIL, or the cause in the answer to CULVERT_ASK_ERROR.
culvert_answer_packet make_answer(culvert_verdict verdict, const SocketAddress& address = {},
                                  std::string_view name = {});
culvert_answer_packet make_error_answer(culvert_verdict verdict, int error);

}  // namespace culvert::agent
