#include "tunnel/exchange/sender.h"

#include <algorithm>
#include <cassert>

namespace culvert::exchange {
namespace {

constexpr Duration kMinPatience = std::chrono::milliseconds{700};
constexpr Duration kMaxPatience = std::chrono::seconds{8};
constexpr std::size_t kMinUnsent = 128 * 1024, kMaxUnsent = 1024 * 1024;

}  // namespace

std::size_t Sender::room() const {
  if (ended_ || log_.size() >= window_) return 0;
  const auto unsent = static_cast<std::size_t>(base_ + log_.size() - std::max(next_, base_));
  const auto most_unsent = std::clamp(window_ / 4, kMinUnsent, kMaxUnsent);
  if (unsent >= most_unsent) return 0;
  return std::min(window_ - log_.size(), most_unsent - unsent);
}

std::size_t Sender::write(Bytes data) {
  const auto count = std::min(data.size(), room());
  log_.append(data.first(count));
  return count;
}

void Sender::end() { ended_ = true; }

std::size_t Sender::due() const {
  std::uint64_t count = 0;
  for (const auto& range : lost_) count += range.to - range.from;
  // The end needs no credit of its own: it takes no room.
  const auto limit = std::min(base_ + log_.size(), std::max(credit_, next_));
  if (limit > next_) count += limit - next_;
  if (limit == base_ + log_.size() && total() > limit && next_ <= limit) ++count;
  return static_cast<std::size_t>(count);
}

std::optional<Data> Sender::take(std::size_t most, std::uint64_t request, TimePoint now) {
  if (end_acknowledged_ || most == 0) return std::nullopt;
  const auto end_of_octets = base_ + log_.size();
  std::uint64_t from, to;
  bool is_again = false;
  if (!lost_.empty()) {
    auto& range = lost_.front();
    from = range.from;
    to = std::min(range.to, from + most);
    is_again = true;
    if (to < end_of_octets || range.to <= end_of_octets) {
      range.from = to;
    } else {
      to = range.to;  // with the end
      range.from = to;
    }
    if (range.from == range.to) lost_.erase(lost_.begin());
    sent_again_ += to - from;
  } else {
    from = next_;
    const auto limit = std::min(end_of_octets, std::max(credit_, next_));
    to = std::min(limit, from + most);
    if (to >= end_of_octets && total() > end_of_octets) to = total();
    if (to <= from) return std::nullopt;
    next_ = to;
  }
  if (records_.empty()) progress_at_ = now;
  if (!records_.empty() && records_.back().request == request && records_.back().to == from &&
      records_.back().again == is_again && now - records_.back().at < std::chrono::milliseconds{5})
    records_.back().to = to;
  else
    records_.push_back({request, from, to, now, is_again});
  Data out;
  out.offset = from;
  out.last = to > end_of_octets;
  const auto octets_to = std::min(to, end_of_octets);
  out.octets = log_.peek().subspan(static_cast<std::size_t>(from - base_),
                                   static_cast<std::size_t>(octets_to - std::min(from, octets_to)));
  return out;
}

Result<void> Sender::acknowledged(std::uint64_t received, TimePoint now) {
  if (received <= base_) return {};
  if (received > std::max(next_, base_))
    return fail(ErrorCode::kProtocol, "octets were acknowledged that were never sent");
  const bool with_end = received > base_ + log_.size();
  const auto octets = static_cast<std::size_t>(received - base_) - (with_end ? 1 : 0);
  // Twice what was acknowledged since: the window follows what really leaves.
  if (received - grown_at_ >= window_ / 2) {
    if (log_.size() >= window_ / 2) window_ = std::min(window_ * 2, kMaxWindow);
    grown_at_ = received;
  }
  log_.pop(octets);
  log_.release_if_empty();
  base_ = received;
  if (with_end) end_acknowledged_ = true;
  std::optional<Duration> sample;
  std::erase_if(records_, [&](Record& record) {
    if (record.to > received) {
      record.from = std::max(record.from, received);
      return false;
    }
    if (!record.again) sample = now - record.at;
    return true;
  });
  if (sample) round_trip_ = round_trip_ ? (*round_trip_ * 7 + *sample) / 8 : *sample;
  std::erase_if(lost_, [&](Range& range) {
    range.from = std::max(range.from, received);
    return range.from >= range.to;
  });
  progress_at_ = now;
  backoff_ = 0;
  return {};
}

void Sender::again(const Record& record) {
  Range range{std::max(record.from, base_), record.to};
  if (range.from >= range.to) return;
  // Joined with those that it touches: sorted and apart.
  std::erase_if(lost_, [&](const Range& other) {
    if (other.to < range.from || other.from > range.to) return false;
    range.from = std::min(range.from, other.from);
    range.to = std::max(range.to, other.to);
    return true;
  });
  lost_.insert(std::ranges::find_if(lost_, [&](const Range& o) { return o.from > range.to; }),
               range);
}

void Sender::lost(std::uint64_t request) {
  std::erase_if(records_, [&](const Record& record) {
    if (record.request != request) return false;
    again(record);
    return true;
  });
}

std::size_t Sender::on(std::uint64_t request) const {
  std::uint64_t count = 0;
  for (const auto& record : records_)
    if (record.request == request) count += record.to - record.from;
  return static_cast<std::size_t>(count);
}

Duration Sender::patience() const {
  const auto base = std::clamp<Duration>(round_trip_ ? *round_trip_ * 3 : kMinPatience * 2,
                                         kMinPatience, kMaxPatience);
  return std::min(base * (1 << std::min(backoff_, 4)), kMaxPatience);
}

std::optional<TimePoint> Sender::next_deadline() const {
  if (records_.empty()) return std::nullopt;
  return std::max(records_.front().at, progress_at_) + patience();
}

// Only the oldest goes again: it is what everything behind it waits for.
std::optional<std::uint64_t> Sender::tick(TimePoint now) {
  const auto due_at = next_deadline();
  if (!due_at || now < *due_at) return std::nullopt;
  const auto record = records_.front();
  records_.erase(records_.begin());
  again(record);
  progress_at_ = now;
  ++backoff_;
  return record.request;
}

}  // namespace culvert::exchange
