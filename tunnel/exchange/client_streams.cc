// Requests and answers that are written bit by bit: finding out whether they pass, and their care.
#include <algorithm>
#include <cassert>

#include "tunnel/exchange/client.h"

namespace culvert::exchange {
namespace {

constexpr Duration kSuccessorAfter = std::chrono::seconds{45};  // of the 55 that a stream lives
constexpr std::uint64_t kMaxUpLength = 64 * 1024 * 1024;
constexpr std::uint64_t kFirstUpLength = 128 * 1024;
constexpr std::uint64_t kPadAtMost = 256 * 1024;  // rather than giving the connection up
// Of a stream before some of it has arrived: its connection behind the middlebox begins slowly, so
// that several carry more (the first 16 MB at 15 MB/s instead of 12, measured as in sender.h).
constexpr std::uint64_t kFirstUnderWay = 64 * 1024;
constexpr std::size_t kLaneOutput = 128 * 1024;
constexpr std::size_t kPreamble = 16 * 1024;  // held back by Apache; 1 KB by ICAP (measured)
constexpr std::uint64_t kReserve = 256;       // for a last word
constexpr std::uint64_t kMarkRoom = 4096;
constexpr int kMaxStalls = 3;

}  // namespace

// The service ends an unproven stream after 3 s, so what comes whole by then does not count.
Duration Client::probe_limit() const {
  const auto known = answer_time_.value_or(std::chrono::milliseconds{500});
  return std::min<Duration>(known * 3 + std::chrono::milliseconds{500},
                            std::chrono::milliseconds{2500});
}

void Client::down_streams(bool yes, TimePoint now) {
  known_.down = yes ? Streams::kYes : Streams::kNo;
  down_works_ = yes;
  if (yes) {
    tell_now_ = true;  // or the service does not use it
    return;
  }
  down_again_at_ = now + kFindOutAnew;
  down_stalls_ = 0;
  for (const auto& lane : lanes_) {
    if (lane->flight() == nullptr || lane->flight()->kind != RequestKind::kStream) continue;
    lost_.push_back({lane->flight()->number});
    lane->close();
  }
}

void Client::pump_down_stream(TimePoint now) {
  if (!established_ && known_.down != Streams::kYes) return;
  if (known_.down == Streams::kNo && now < down_again_at_) return;
  if (!active(now)) return;
  const Flight* newest = nullptr;
  for (const auto& lane : lanes_) {
    const auto* const flight = lane->flight();
    if (flight == nullptr || lane->closed() || flight->kind != RequestKind::kStream) continue;
    if (newest == nullptr || flight->number > newest->number) newest = flight;
  }
  if (newest != nullptr && (newest->number > proven_ || now < newest->sent_at + kSuccessorAfter))
    return;
  if (auto* const lane = idle_lane_or_want(); lane != nullptr) begin_down_stream(*lane, now);
}

void Client::begin_down_stream(ClientLane& lane, TimePoint now) {
  if (punctuality_.passes() == Passes::kLate) punctuality_.restart();  // tried anew
  begin(lane, RequestKind::kStream, now, 0, nullptr, /*trusted=*/down_works_);
}

void Client::take_mark(const Mark& mark, TimePoint now) {
  const auto before = punctuality_.passes();
  punctuality_.take(mark, now);
  const auto passes = punctuality_.passes();
  if (passes == before) return;
  tell_now_ = true;
  if (passes == Passes::kLate && down_works_) down_streams(false, now);
}

void Client::up_passes(Passes passes, TimePoint now) {
  if (passes == Passes::kLate && up_passes_ != passes && up_works_) up_streams(false, now);
  up_passes_ = passes;
}

void Client::up_streams(bool yes, TimePoint now) {
  known_.up = yes ? Streams::kYes : Streams::kNo;
  up_works_ = yes;
  if (yes) return;
  up_again_at_ = now + kFindOutAnew;
  up_stalls_ = 0;
  for (const auto& lane : lanes_) {
    const auto* const flight = lane->flight();
    if (flight == nullptr || flight->kind != RequestKind::kPostStream || flight->whole) continue;
    sender_.lost(flight->number);
    lane->close();
  }
}

void Client::put(Flight& flight, const Piece& piece, ByteQueue& out, TimePoint now) {
  auto text = encode(piece);
  assert(flight.left >= text.size() + kPieceOverhead);
  flight.left -= text.size() + kPieceOverhead;
  flight.sealer->seal(text, out);
  flight.said_at = now;
}

void Client::begin_up_stream(ClientLane& lane, TimePoint now) {
  begin(lane, RequestKind::kPostStream, now, up_length_, nullptr, /*trusted=*/false);
  auto& flight = *lane.flight();
  flight.until = TimePoint::max();
  flight.proven = up_works_;
  put(flight, Mark{Mark::Kind::kWhole, mark_time(now)}, lane.output(), now);
  for (std::size_t i = 0; i < kPreamble / 1024; ++i) put(flight, Padding{}, lane.output(), now);
  put(flight, stand(), lane.output(), now);
}

bool Client::has_room(ClientLane& lane) const {
  const auto& flight = *lane.flight();
  const auto under_way = sender_.on(flight.number);
  const auto arrived = flight.carried - std::min<std::uint64_t>(under_way, flight.carried);
  const auto most = std::min<std::uint64_t>(kUnacknowledged, kFirstUnderWay + 2 * arrived);
  return flight.left > kReserve + kDataHeader + kPieceOverhead &&
         under_way + kMaxPieceData <= most && lane.output().size() < kLaneOutput;
}

// Whatever ends a burst there gets padding behind it, unless it is known to pass without.
void Client::pad_up_stream(Flight& flight, ByteQueue& out, TimePoint silent_since, TimePoint now) {
  constexpr std::uint64_t kRoom = kPadsBehind * 1100;
  if (up_passes_ == Passes::kPromptly || flight.left <= kReserve + kRoom) return;
  if (flight.burst_marks < kMarks && now >= silent_since + kMarkInBurst) {
    ++flight.burst_marks;
    put(flight, Mark{Mark::Kind::kPadded, mark_time(now)}, out, now);
  }
  for (int i = 0; i < kPadsBehind; ++i) put(flight, Padding{}, out, now);
}

void Client::fill_up_stream(ClientLane& lane, TimePoint now) {
  auto& flight = *lane.flight();
  const auto before = flight.left;
  const auto silent_since = flight.said_at;
  while (sender_.due() != 0 && has_room(lane)) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(
        kMaxPieceData, flight.left - kReserve - kDataHeader - kPieceOverhead));
    const auto data = sender_.take(most, flight.number, now);
    if (!data) return;
    put(flight, *data, lane.output(), now);
    flight.carried += data->octets.size();
    active_at_ = now;
  }
  if (flight.left != before && sender_.due() == 0)
    pad_up_stream(flight, lane.output(), silent_since, now);
  if (flight.left > kReserve + kDataHeader + kPieceOverhead) return;
  up_length_ = std::min(up_length_ * 4, kMaxUpLength);
  if (known_.refused_body != 0) up_length_ = std::min(up_length_, known_.refused_body / 2);
  finish_up_stream(lane, now);
}

// The announced length has to be kept, or given up together with the connection.
void Client::finish_up_stream(ClientLane& lane, TimePoint now) {
  auto& flight = *lane.flight();
  if (flight.left > kPadAtMost) {
    sender_.lost(flight.number);
    return lane.close();
  }
  const auto rest = static_cast<std::size_t>(flight.left);
  auto zeros = lane.output().prepare(rest).first(rest);
  std::ranges::fill(zeros, std::byte{0});
  lane.output().commit(rest);
  flight.left = 0;
  flight.whole = true;
  flight.until = now + std::chrono::seconds{15};
}

void Client::pump_up_streams(TimePoint now) {
  if (!established_) return;
  if (known_.up == Streams::kNo && now < up_again_at_) return;
  std::vector<ClientLane*> streams;
  bool probing = false;
  for (const auto& lane : lanes_) {
    const auto* const flight = lane->flight();
    if (flight == nullptr || lane->closed() || flight->kind != RequestKind::kPostStream) continue;
    if (flight->whole) continue;
    if (flight->proven)
      streams.push_back(lane.get());
    else
      probing = true;
  }
  std::uint64_t left = 0;
  for (auto* const lane : streams) {
    fill_up_stream(*lane, now);
    if (lane->closed() || lane->flight()->whole) continue;
    if (must_tell() && lane->flight()->left > kReserve) {
      const auto silent_since = lane->flight()->said_at;
      put(*lane->flight(), stand(), lane->output(), now);
      pad_up_stream(*lane->flight(), lane->output(), silent_since, now);
    }
    left += lane->flight()->left;
  }
  if (probing || !active(now) || streams.size() >= kMaxUpStreams) return;
  const bool wanted =
      streams.empty() || left < kFirstUpLength / 4 || (up_works_ && sender_.due() >= kMaxPieceData);
  if (!wanted) return;
  auto* const lane = idle_lane_or_want();
  if (lane == nullptr) return;
  begin_up_stream(*lane, now);
  if (up_works_) fill_up_stream(*lane, now);
}

void Client::keep_up_stream(ClientLane& lane, TimePoint now) {
  auto& flight = *lane.flight();
  if (!flight.proven) {
    if (now >= flight.sent_at + probe_limit()) up_streams(false, now);
    return;
  }
  if (flight.marks < kMarks && now >= flight.said_at + kMarkAfter && flight.left > kMarkRoom) {
    const auto kind = kind_of_mark(flight.marks++);
    put(flight, Mark{kind, mark_time(now)}, lane.output(), now);
    for (int i = 0; kind == Mark::Kind::kPadded && i < kPadsBehind; ++i)
      put(flight, Padding{}, lane.output(), now);
  }
  if (now < flight.said_at + known_.quiet) return;
  if (active(now) && flight.left > kReserve)
    put(flight, stand(), lane.output(), now);
  else
    finish_up_stream(lane, now);
}

// Nothing of `request` was acknowledged in time.
void Client::stalled(std::uint64_t request, TimePoint now) {
  for (const auto& lane : lanes_) {
    const auto* const flight = lane->flight();
    if (flight == nullptr || flight->number != request || lane->closed()) continue;
    if (flight->kind != RequestKind::kPostStream) return;
    sender_.lost(request);
    lane->close();
    if (++up_stalls_ >= kMaxStalls) up_streams(false, now);
    return;
  }
}

void Client::down_stalled(ClientLane& lane, TimePoint now) {
  const auto& flight = *lane.flight();
  if (now - flight.said_at >= known_.quiet * 3 / 4)
    known_.quiet = std::max(known_.quiet / 2, std::chrono::milliseconds{1000});
  lost_.push_back({flight.number});
  lane.close();
  if (++down_stalls_ >= kMaxStalls) down_streams(false, now);
}

}  // namespace culvert::exchange
