#include "agent/preamble_pipe.h"

#include <algorithm>
#include <cstring>

#include "tunnel/punch/preamble.h"

namespace culvert::agent {

using loop::IoResult;

PreamblePipe::PreamblePipe(std::unique_ptr<loop::BytePipe> connection,
                           const control::OfferToken& token)
    : ForwardingPipe(std::move(connection)), preamble_(punch::reversed_preamble(token)) {}

IoResult PreamblePipe::read(MutableBytes into) {
  while (!clear_) {
    std::byte buffer[64];
    const auto room = std::min(sizeof buffer, preamble_.size() - received_.size());
    const auto got = under().read(MutableBytes{buffer}.first(room));
    if (got.state != IoResult::State::kMoved) return got;
    append(received_, Bytes{buffer}.first(got.count));
    const bool so_far = std::equal(received_.begin(), received_.end(), preamble_.begin());
    if (so_far && received_.size() < preamble_.size()) continue;
    if (so_far) received_.clear();
    clear_ = true;
  }
  if (received_.empty()) return under().read(into);
  const auto count = std::min(into.size(), received_.size());
  std::memcpy(into.data(), received_.data(), count);
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(count));
  return IoResult::moved(count);
}

}  // namespace culvert::agent
