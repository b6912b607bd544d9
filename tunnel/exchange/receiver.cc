#include "tunnel/exchange/receiver.h"

namespace culvert::exchange {
namespace {

// A peer cuts into 16 KiB; one that cuts into single octets must not cost a hundred times them.
constexpr std::size_t kMaxWaiting = 2048;

}  // namespace

Result<void> Receiver::take(const Data& data) {
  const auto end = data.offset + data.octets.size();
  if (end < data.offset || end > credit())
    return fail(ErrorCode::kProtocol, "more came than there was credit for");
  if ((data.last && end_ && *end_ != end) || (end_ && end > *end_))
    return fail(ErrorCode::kProtocol, "octets came behind the end");
  if (data.last) end_ = end;
  if (data.offset <= received_) {
    if (end > received_) {
      ready_.append(data.octets.subspan(static_cast<std::size_t>(received_ - data.offset)));
      received_ = end;
      join_waiting();
    }
  } else if (!data.octets.empty()) {
    // What finds no place is not acknowledged, so it comes again.
    if (waiting_.size() >= kMaxWaiting || waiting_octets_ + data.octets.size() > window_) return {};
    auto& place = waiting_[data.offset];
    if (place.size() < data.octets.size()) {
      waiting_octets_ += data.octets.size() - place.size();
      place.assign(data.octets.begin(), data.octets.end());
    }
  }
  if (end_ && received_ == *end_) ++received_;
  return {};
}

void Receiver::join_waiting() {
  while (!waiting_.empty() && waiting_.begin()->first <= received_) {
    const auto& [offset, octets] = *waiting_.begin();
    const auto end = offset + octets.size();
    if (end > received_) {
      ready_.append(Bytes{octets}.subspan(static_cast<std::size_t>(received_ - offset)));
      received_ = end;
    }
    waiting_octets_ -= octets.size();
    waiting_.erase(waiting_.begin());
  }
}

void Receiver::consumed(std::size_t count) {
  ready_.pop(count);
  ready_.release_if_empty();
  consumed_ += count;
}

}  // namespace culvert::exchange
