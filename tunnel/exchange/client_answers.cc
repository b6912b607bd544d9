// What comes back: answers of the service, and of what stands in the way.
#include <algorithm>

#include "tunnel/exchange/client.h"

namespace culvert::exchange {
namespace {

constexpr Duration kTellDelay = std::chrono::milliseconds{200};
constexpr Duration kStreamGrace = std::chrono::seconds{3};
constexpr Duration kGiveUpAfter = std::chrono::seconds{12};
constexpr int kMaxFailures = 4, kMaxFirstFailures = 3;
// Of connections that are cut before the first answer: on a bad line that is an accident, and all
// that begins is one small request at a time (2.5 % of 3000 seeds had three such in a row).
constexpr Duration kFirstPatience = std::chrono::seconds{3};
constexpr std::size_t kMinPostSize = 4 * 1024;
constexpr Duration kStalledAfter = std::chrono::milliseconds{700};
constexpr std::chrono::milliseconds kLongestQuiet{20'000};

std::string status_of(const ResponseHead& head) {
  auto reason = head.reason.substr(0, 60);
  for (auto& c : reason)
    if (c < ' ' || c > '~') c = '?';
  return std::to_string(head.status) + (reason.empty() ? "" : " " + reason);
}

}  // namespace

void Client::fail_with(Error why) {
  if (failure_) return;
  failure_ = std::move(why);
  for (const auto& lane : lanes_) lane->close();
}

void Client::receive(LaneId id, Bytes octets, TimePoint now) {
  auto* const lane = find(id);
  if (lane == nullptr || lane->closed() || failure_) return;
  lane->receive(octets);
  take_answer(*lane, now);
}

void Client::take_answer(ClientLane& lane, TimePoint now) {
  while (!lane.closed() && !failure_) {
    const auto event = lane.next();
    if (!event) return lose(lane, event.error(), now);
    switch (*event) {
      case ClientLane::Event::kNothing: return;
      case ClientLane::Event::kHead:
        if (!take_head(lane, now)) return;
        break;
      case ClientLane::Event::kContent:
        if (!take_content(lane, now)) return;
        break;
      case ClientLane::Event::kComplete: completed(lane, now); break;
    }
  }
}

bool Client::take_head(ClientLane& lane, TimePoint now) {
  const auto& head = lane.head();
  if (options_.login != nullptr) {
    if (head.status == 407) return refused_by_login(lane, now);
    options_.login->accepted(lane.id());
    login_due_ = false;
    if (lane.flight()->number == 0) return true;
  }
  if (head.status == 200) return true;
  const bool settled =
      head.status / 100 == 4 && head.status != 408 && head.status != 413 && head.status != 429;
  if (head.status == 413) refused_size(*lane.flight());
  Error why{ErrorCode::kTryAgain,
            "what stands between here and the service answered " + status_of(head)};
  if (head.status == 407) {
    why = {ErrorCode::kAuthentication,
           "the proxy wants a user name and a password that it accepts (" + status_of(head) + ")"};
  } else if (head.status / 100 == 3 || head.status == 511) {
    const auto* const to = head.find("location");
    why = {ErrorCode::kNotPermitted, "redirected by what stands in the way" +
                                         (to != nullptr ? " to " + to->substr(0, 100) : "") +
                                         ": perhaps a page to log in to this network"};
  } else if (settled) {
    why.code = ErrorCode::kNotPermitted;
  }
  const bool final = !established_ && (settled || head.status / 100 == 3 || head.status == 511);
  if (final) {
    fail_with(why);
  } else {
    const bool is_new = lane.served() == 0;
    lose(lane, why, now);
    if (settled && is_new) lane_refused(now);  // squid's maxconn, for one
  }
  return false;
}

void Client::refused_size(const Flight& flight) {
  if (flight.kind == RequestKind::kPost)
    largest_post_ = post_size_ = std::max(post_size_ / 4, kMinPostSize);
  if (flight.kind != RequestKind::kPostStream) return;
  known_.refused_body =
      known_.refused_body == 0 ? up_length_ : std::min(known_.refused_body, up_length_);
  up_length_ = std::max<std::uint64_t>(up_length_ / 4, 32 * 1024);
}

bool Client::take_content(ClientLane& lane, TimePoint now) {
  if (lane.flight()->number == 0) return pass_over_page(lane, now);
  auto& content = lane.content();
  if (!lane.opener()) {
    if (content.size() < kSaltSize) return true;
    lane.opener().emplace(keys_.response_key(content.peek().first<kSaltSize>()));
    content.pop(kSaltSize);
  }
  ByteVector text;
  while (true) {
    const auto whole = lane.opener()->next(content, text);
    if (!whole) {
      const Error why{ErrorCode::kProtocol,
                      "something else than the service answered an HTTP request: perhaps a page to "
                      "log in to this network, or a filter that alters what passes"};
      if (established_)
        lose(lane, why, now);
      else
        fail_with(why);
      return false;
    }
    if (!*whole) return true;
    take_piece(lane, text, now);
    if (lane.closed() || failure_) return false;
  }
}

void Client::spoken(Flight& flight, TimePoint now) {
  if (flight.kind == RequestKind::kStream) {
    flight.until = now + known_.quiet + kStreamGrace;
    if (flight.number > proven_) {
      proven_ = flight.number;
      if (!down_works_) down_streams(true, now);
    }
  }
  flight.said_at = now;
  if (std::exchange(flight.spoke, true)) return;
  if (!answer_time_ || flight.kind == RequestKind::kPost) answer_time_ = now - flight.sent_at;
  established_ = true;
  failures_ = 0;
  retry_at_ = {};
  std::erase_if(
      lost_, [&](const Lost& lost) { return lost.told_in != 0 && lost.told_in <= flight.number; });
}

void Client::take_piece(ClientLane& lane, Bytes text, TimePoint now) {
  const auto piece = decode_piece(text);
  if (!piece) return fail_with(piece.error());
  auto& flight = *lane.flight();
  spoken(flight, now);
  if (const auto* data = std::get_if<Data>(&*piece)) {
    active_at_ = now;
    flight.octets += data->octets.size();
    if (const auto taken = receiver_.take(*data); !taken) return fail_with(taken.error());
    if (receiver_.received() != received_told_ && !tell_at_ && !tell_now_)
      tell_at_ = now + kTellDelay;
    if (flight.kind != RequestKind::kPoll) return;
    // The service sends on a poll beside a stream only what was not acknowledged in time.
    for (const auto& other : lanes_) {
      const auto* const stream = other->flight();
      if (stream == nullptr || other->closed() || stream->kind != RequestKind::kStream) continue;
      if (stream->number <= proven_ && now - stream->said_at >= kStalledAfter)
        return down_stalled(*other, now);
    }
  } else if (const auto* stand = std::get_if<Stand>(&*piece)) {
    up_passes(stand->passes, now);
    if (lane.closed()) return;
    sender_.allow(stand->credit);
    if (const auto taken = sender_.acknowledged(stand->received, now); !taken)
      return fail_with(taken.error());
    if (flight.kind == RequestKind::kPoll && stand->more && flight.octets != 0)
      polls_wanted_ = std::min(polls_wanted_ + 1, kMaxPolls);
    for (const auto& other : lanes_) {
      auto* const up = other->flight();
      if (up == nullptr || up->kind != RequestKind::kPostStream || up->whole || up->proven)
        continue;
      if (stand->seen < up->number) continue;
      up->proven = true;
      up_streams(true, now);
    }
  } else if (const auto* mark = std::get_if<Mark>(&*piece)) {
    take_mark(*mark, now);
  } else if (std::holds_alternative<End>(*piece)) {
    flight.ended_in_order = true;
  } else if (const auto* gone = std::get_if<Gone>(&*piece)) {
    fail_with({gone->code,
               gone->code == ErrorCode::kClosed
                   ? "the service has ended this exchange, or does not know it any more"
                   : "the service gave this exchange up: " + std::string(to_string(gone->code))});
  }
}

void Client::grow_polls(const Flight& flight) {
  if (flight.octets >= poll_size_) poll_size_ = std::min(poll_size_ * 2, kPollSize);
}

void Client::completed(ClientLane& lane, TimePoint now) {
  auto& flight = *lane.flight();
  if (flight.number == 0) {
    lane.finish(now);
    return knock_if_due(lane, now);
  }
  if (!flight.ended_in_order)
    return lose(lane, {ErrorCode::kReset, "the answer to an HTTP request was cut short"}, now);
  if (lane.served() != 0)
    known_.keep_alive = true;
  else
    refusals_ = 0;
  switch (flight.kind) {
    case RequestKind::kPoll:
      if (flight.octets == 0 && polls_wanted_ > 2) --polls_wanted_;
      grow_polls(flight);
      break;
    case RequestKind::kStream:
      if (now - flight.sent_at >= std::chrono::seconds{50})
        known_.quiet = std::min(known_.quiet * 2, kLongestQuiet);
      break;
    case RequestKind::kPostStream:
      if (!flight.whole) {  // answered before it was complete: it is not read any more
        sender_.lost(flight.number);
        return lane.close();
      }
      known_.largest_body = std::max(known_.largest_body, up_length_);
      break;
    case RequestKind::kPost:
      post_size_ = std::min(post_size_ * 2, largest_post_);
      grow_polls(flight);
      break;
  }
  lane.finish(now);
}

void Client::lane_ended(LaneId id, const std::string& why, TimePoint now) {
  auto* const lane = find(id);
  if (lane == nullptr || lane->closed() || failure_) return;
  if (lane->flight() == nullptr) return lane->close();
  if (lane->receive_end()) {
    completed(*lane, now);
    if (!lane->closed()) lane->close();
    return;
  }
  lose(*lane, {ErrorCode::kReset, why}, now);
}

// The request may or may not have reached the service: what it carried goes again.
void Client::lose(ClientLane& lane, const Error& why, TimePoint now) {
  auto& flight = *lane.flight();
  if (flight.number == 0) {
    lane.close();
    return failed_once(why, now);
  }
  // A connection that the other side closed while it was idle: no reason to wait.
  const bool was_idle = lane.served() != 0 && !flight.spoke && why.code == ErrorCode::kReset;
  switch (flight.kind) {
    case RequestKind::kPost:
      sender_.lost(flight.number);
      if (was_idle) break;
      post_size_ = std::max(post_size_ / 2, kMinPostSize);
      if (lane.output().empty()) poll_size_ = std::max(poll_size_ / 2, kMinPostSize);  // its answer
      break;
    case RequestKind::kPostStream: sender_.lost(flight.number); break;
    case RequestKind::kPoll:
      lost_.push_back({flight.number});
      if (!was_idle) poll_size_ = std::max(poll_size_ / 2, kMinPostSize);
      break;
    case RequestKind::kStream:
      if (flight.number <= proven_)
        down_stalled(lane, now);
      else if (was_idle)
        lost_.push_back({flight.number});
      else
        down_streams(false, now);
      break;
  }
  lane.close();
  posted_last_ = flight.kind == RequestKind::kPoll;  // it is its turn again
  if (flight.kind == RequestKind::kPostStream && !flight.proven && !was_idle)
    up_streams(false, now);
  if (!was_idle) failed_once(why, now);
}

void Client::dial_failed(const Error& why, TimePoint now) {
  // Of several at once, the first may be what the others are refused beside.
  if (dial_ended_beside() || open_lanes() != 0) return lane_refused(now);
  failed_once(why, now);
}

void Client::failed_once(const Error& why, TimePoint now) {
  if (failure_) return;
  if (failures_++ == 0) failing_since_ = now;
  const Duration patience = established_                    ? kGiveUpAfter
                            : why.code == ErrorCode::kReset ? kFirstPatience
                                                            : Duration{};
  const bool enough = now - failing_since_ >= patience &&
                      failures_ >= (established_ ? kMaxFailures : kMaxFirstFailures);
  if (enough) return fail_with(why);
  if (failures_ > 1)
    retry_at_ =
        now + std::min<Duration>(std::chrono::milliseconds{25} * (1 << std::min(failures_, 6)),
                                 std::chrono::seconds{1});
}

}  // namespace culvert::exchange
