// tunnel/session/write_out.h: what a session, or its interactive lane, has to say, into its pipe.
#pragma once
#include <optional>

#include "tunnel/loop/byte_pipe.h"
#include "tunnel/loop/loop.h"

namespace culvert::session {

// One send where possible; more only while the pipe takes everything. Gives the errno that broke
// the pipe, if one did.
template <typename Source>
std::optional<int> write_out(Source& source, loop::BytePipe& pipe, bool& blocked) {
  using State = loop::IoResult::State;
  while (!blocked) {
    source.fill_output(loop::Loop::precise_now());
    const auto pending = source.pending_output();
    if (pending.empty()) break;
    const auto put = pipe.write(pending);
    if (put.state == State::kFailed) return put.error;
    blocked = put.state == State::kBlocked || put.count < pending.size();
    if (put.state == State::kMoved) source.output_sent(put.count);
  }
  pipe.set_interest(/*readable=*/true, /*writable=*/blocked);
  return std::nullopt;
}

}  // namespace culvert::session
