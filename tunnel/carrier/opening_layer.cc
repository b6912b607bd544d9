#include "tunnel/carrier/opening_layer.h"

#include <algorithm>

namespace culvert::carrier {

tl::unexpected<Error> OpeningLayer::stop(Error why) {
  failure_ = std::move(why);
  return fail(*failure_);
}

Result<void> OpeningLayer::receive(Bytes wire) {
  if (failure_) return fail(*failure_);
  input_.append(wire);
  while (!established_ && !input_.empty()) {
    const auto taken = converse(input_.peek());
    if (!taken) return stop(taken.error());
    input_.pop(*taken);
    if (*taken == 0) break;
  }
  if (established_ && !input_.empty())
    return stop({ErrorCode::kProtocol, "the proxy sent octets of its own behind its answer"});
  if (input_.size() > kMostWaiting)
    return stop({ErrorCode::kProtocol, "the proxy's answer does not end (more than 64 KiB)"});
  return {};
}

Result<void> OpeningLayer::receive_end() {
  if (failure_) return fail(*failure_);
  return stop(established_ ? Error{ErrorCode::kReset, "the proxy ended the connection"} : on_end());
}

Result<std::size_t> OpeningLayer::write(Bytes) {
  if (failure_) return fail(*failure_);
  return 0;
}

Result<void> OpeningLayer::end_writing() {
  if (failure_) return fail(*failure_);
  return {};
}

std::string printable(std::string_view text) {
  constexpr std::size_t kMost = 100;
  std::string out(text.substr(0, kMost));
  std::ranges::replace_if(
      out, [](char c) { return c < ' ' || c > '~'; }, '.');
  if (text.size() > kMost) out += "...";
  return out;
}

}  // namespace culvert::carrier
