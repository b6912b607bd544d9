#include "tunnel/exchange/client.h"

#include <algorithm>

#include "tunnel/exchange/server_connection.h"

namespace culvert::exchange {
namespace {

constexpr std::size_t kTellAfter = 512 * 1024;
constexpr Duration kGrace = std::chrono::seconds{8};  // for its answer
constexpr Duration kPostLimit = std::chrono::seconds{12};
constexpr Duration kIdleLane = std::chrono::seconds{20};
constexpr std::size_t kIdleLanes = 2;
constexpr std::uint64_t kFirstUpLength = 128 * 1024, kMostFirstUpLength = 8 * 1024 * 1024;
// Of a connection that begins with ten segments, in one flight, with its head: so what a bulk
// begins with (who asks, and what the answer waits for) does not take as long as the bulk.
constexpr std::size_t kFirstPost = 12 * 1024;
constexpr Duration kGather = std::chrono::milliseconds{3};

}  // namespace

Result<std::unique_ptr<Client>> Client::make(Options options, Random& random, TimePoint now) {
  const auto self = crypto::KeyPair::generate(random);
  auto keys = ExchangeKeys::of_client(self, options.service);
  if (!keys) return fail(keys.error());
  return std::unique_ptr<Client>(
      new Client(std::move(options), self, std::move(*keys), random, now));
}

Client::Client(Options options, const crypto::KeyPair& self, ExchangeKeys keys, Random&,
               TimePoint now)
    : options_(std::move(options)),
      self_(self),
      keys_(std::move(keys)),
      known_(options_.known),
      up_length_(std::clamp(known_.largest_body, kFirstUpLength, kMostFirstUpLength)),
      active_at_(now) {
  // What did not pass the last time is tried again, but not first.
  if (known_.down == Streams::kNo) down_again_at_ = now + kFindOutAnew;
  if (known_.up == Streams::kNo) up_again_at_ = now + kFindOutAnew;
  receiver_.widen();  // the service is who was asked for, or cannot seal a piece
}

ClientLane* Client::find(LaneId id) {
  const auto found = std::ranges::find(lanes_, id, [](const auto& lane) { return lane->id(); });
  return found == lanes_.end() ? nullptr : found->get();
}

// The one used last: it is the least likely to be closed by the other side at this moment.
ClientLane* Client::idle_lane() {
  ClientLane* best = nullptr;
  for (const auto& lane : lanes_)
    if (lane->idle() && (best == nullptr || lane->idle_since() > best->idle_since()))
      best = lane.get();
  return best;
}

ClientLane* Client::idle_lane_or_want() {
  if (login_is_tried()) return nullptr;
  auto* const lane = idle_lane();
  if (lane == nullptr) ++wanted_;
  return lane;
}

std::size_t Client::count(RequestKind kind) const {
  return static_cast<std::size_t>(std::ranges::count_if(lanes_, [&](const auto& lane) {
    return !lane->closed() && lane->flight() != nullptr && lane->flight()->kind == kind;
  }));
}

std::size_t Client::lanes_to_dial() const {
  if (failure_) return 0;
  const auto have = open_lanes() + dialling_;
  const auto wanted =
      std::min(wanted_, have < most_lanes_ ? most_lanes_ - have + dialling_ : dialling_);
  const auto coming = dialling_ + lanes_that_log_in();
  return wanted > coming ? wanted - coming : 0;
}

void Client::dialled(LaneId id, TimePoint now) {
  (void)dial_ended_beside();
  dial_came_ = true;
  lanes_.push_back(std::make_unique<ClientLane>(id, now));
  knock_if_due(*lanes_.back(), now);
}

Stand Client::stand() {
  Stand out;
  out.received = received_told_ = receiver_.received();
  out.credit = credit_told_ = receiver_.credit();
  out.seen = proven_;
  out.passes = punctuality_.passes();
  tell_at_.reset();
  tell_now_ = false;
  return out;
}

bool Client::must_tell() const {
  return tell_now_ || receiver_.received() - received_told_ >= kTellAfter ||
         receiver_.credit() - credit_told_ >= Receiver::kFullWindow / 4;
}

// `length`: Content-Length; `body`: what of it is there already.
std::uint64_t Client::begin(ClientLane& lane, RequestKind kind, TimePoint now, std::uint64_t length,
                            ByteQueue* body, bool trusted) {
  const auto number = next_number_++;
  Request request;
  request.kind = kind;
  request.opens = !established_;
  request.trusted = trusted;
  const auto at = stand();
  request.received = at.received;
  request.credit = at.credit;
  request.proven = proven_;
  request.passes = at.passes;
  const bool sends = kind == RequestKind::kPost || kind == RequestKind::kPostStream;
  const Duration patience =
      kind == RequestKind::kStream ? Duration{known_.quiet} : poll_patience(now);
  request.patience_ms = static_cast<std::uint32_t>(patience / std::chrono::milliseconds{1});
  request.most = static_cast<std::uint32_t>(poll_size_);
  for (auto& lost : lost_) {
    if (request.lost.size() == kMaxLost) break;
    request.lost.push_back(lost.number);
    if (lost.told_in == 0) lost.told_in = number;
  }
  auto text = encode(request);
  const auto target = (options_.through_proxy ? "http://" + options_.authority : std::string()) +
                      make_target(self_.public_key, keys_.seal_token(number, text));
  const std::string_view method = sends ? "POST" : "GET";
  std::string head = std::string(method) + " " + target +
                     " HTTP/1.1\r\nHost: " + options_.authority +
                     "\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; Culvert)\r\nAccept: */*\r\n"
                     "Cache-Control: no-store, no-transform\r\nPragma: no-cache\r\n";
  if (sends)
    head += "Content-Type: application/octet-stream\r\nContent-Length: " + std::to_string(length) +
            "\r\n";
  if (options_.login != nullptr)
    if (const auto login = options_.login->authorization(lane.id(), method, target); !login.empty())
      head += "Proxy-Authorization: " + login + "\r\n";
  head += "\r\n";
  Flight flight;
  flight.number = number;
  flight.kind = kind;
  flight.sent_at = flight.said_at = now;
  flight.until = now + (sends ? kPostLimit : patience + kGrace);
  flight.whole = kind != RequestKind::kPostStream;
  flight.left = length;
  if (!flight.whole) flight.sealer.emplace(keys_.request_key(number));
  lane.begin(std::move(flight), as_bytes(head));
  if (body != nullptr) lane.output().append(body->peek());
  return number;
}

// A complete request of what is due, at most post_size_; perhaps nothing but how far we are.
void Client::post(ClientLane& lane, TimePoint now) {
  const auto number = next_number_;  // which begin() will give it
  BodySealer sealer(keys_.request_key(number));
  ByteQueue body;
  auto mark = encode(Piece{Mark{Mark::Kind::kWhole, mark_time(now)}});
  sealer.seal(mark, body);
  const auto most =
      this->count(RequestKind::kPost) == 0 ? std::min(post_size_, kFirstPost) : post_size_;
  std::size_t count = 0;
  while (count < most) {
    const auto data = sender_.take(std::min(kMaxPieceData, most - count), number, now);
    if (!data) break;
    count += data->octets.size();
    auto text = encode(*data);
    sealer.seal(text, body);
    if (data->octets.empty()) break;
  }
  if (count != 0) active_at_ = now;
  auto text = encode(Piece{End{}});
  sealer.seal(text, body);
  begin(lane, RequestKind::kPost, now, body.size(), &body, /*trusted=*/false);
}

// Requests are few, so bulk is not sent in small ones: whoever writes it goes on at once if there
// is room. What comes while nothing is under way is not bulk, and does not wait.
bool Client::gathers(TimePoint now) {
  if (must_tell() || sender_.has_lost() || sender_.due() >= post_size_ || sender_.room() == 0 ||
      count(RequestKind::kPost) < 2)
    return false;
  if (!gathers_until_) gathers_until_ = now + kGather;
  return now < *gathers_until_;
}

void Client::pump_posts(TimePoint now) {
  // What goes again was perhaps on a stream that stalls; what is new has its stream.
  const bool streamed = up_works_ && count(RequestKind::kPostStream) != 0;
  const auto due = [&] { return streamed ? sender_.has_lost() : sender_.due() != 0; };
  while ((due() || must_tell()) && count(RequestKind::kPost) < kMaxPosts) {
    // One request at a time begins the exchange: until it is answered, nobody knows that it can.
    if (!established_ && count(RequestKind::kPost) != 0) break;
    auto* const lane = idle_lane_or_want();
    if (lane == nullptr) break;
    if (gathers(now)) return;
    gathers_until_.reset();
    post(*lane, now);
  }
  gathers_until_.reset();
}

void Client::pump_polls(TimePoint now) {
  const bool streamed = proven_ != 0 && count(RequestKind::kStream) != 0;
  const auto wanted = streamed ? 1 : polls_wanted_;
  for (auto have = count(RequestKind::kPoll); have < wanted; ++have) {
    auto* const lane = idle_lane_or_want();
    if (lane == nullptr) continue;
    begin(*lane, RequestKind::kPoll, now, 0, nullptr, /*trusted=*/false);
  }
}

void Client::pump(TimePoint now) {
  wanted_ = 0;
  pumped_at_ = now;
  if (failure_ || now < retry_at_) return;
  if (most_lanes_ != kMaxLanes && now >= more_lanes_at_) most_lanes_ = kMaxLanes;
  if (few()) {
    pump_few(now);
    return close_idle(now);
  }
  if (sender_.has_lost()) pump_posts(now);
  pump_up_streams(now);
  pump_posts(now);
  pump_polls(now);
  pump_down_stream(now);
  // Where each connection serves one request, the next one is dialled before it is needed.
  if (established_ && !known_.keep_alive && wanted_ == 0 &&
      now - active_at_ < std::chrono::seconds{3})
    (void)idle_lane_or_want();
  close_idle(now);
}

void Client::close_idle(TimePoint now) {
  std::size_t idle = 0;
  for (const auto& lane : lanes_)
    if (lane->idle() && (++idle > kIdleLanes + wanted_ || now >= lane->idle_since() + kIdleLane))
      lane->close();
}

std::optional<TimePoint> Client::next_deadline() const {
  if (failure_) return std::nullopt;
  auto due = TimePoint::max();
  const auto soonest = [&](TimePoint at) { due = std::min(due, at); };
  if (retry_at_ != TimePoint{}) return retry_at_;  // until then nothing is sent
  if (const auto at = sender_.next_deadline()) soonest(*at);
  if (const auto at = dial_deadline()) soonest(*at);
  if (tell_at_) soonest(*tell_at_);
  if (gathers_until_) soonest(*gathers_until_);
  for (const auto& lane : lanes_) {
    const auto* const flight = lane->flight();
    if (flight == nullptr) {
      if (!lane->closed()) soonest(lane->idle_since() + kIdleLane);
      continue;
    }
    soonest(flight->until);
    if (flight->kind == RequestKind::kStream && flight->number > proven_)
      soonest(flight->sent_at + probe_limit());
    if (flight->kind == RequestKind::kPostStream && !flight->whole) {
      if (!flight->proven) soonest(flight->sent_at + probe_limit());
      soonest(flight->said_at + known_.quiet);
      if (flight->proven && flight->marks < kMarks && flight->left > 4096)
        soonest(flight->said_at + kMarkAfter);
    }
  }
  if (due == TimePoint::max()) return std::nullopt;
  return due;
}

void Client::tick(TimePoint now) {
  if (failure_) return;
  if (now >= retry_at_) retry_at_ = {};
  watch_dials(now);
  if (tell_at_ && now >= *tell_at_) {
    tell_at_.reset();
    tell_now_ = true;
  }
  if (const auto request = sender_.tick(now)) stalled(*request, now);
  for (std::size_t i = 0; i < lanes_.size() && !failure_; ++i) {
    auto& lane = *lanes_[i];
    auto* const flight = lane.flight();
    if (flight == nullptr || lane.closed()) continue;
    if (now >= flight->until) {
      lose(lane, {ErrorCode::kTimedOut, "an HTTP request was not answered in time"}, now);
      continue;
    }
    const bool late = now >= flight->sent_at + probe_limit();
    if (flight->kind == RequestKind::kStream && flight->number > proven_ && !flight->spoke && late)
      down_streams(false, now);
    else if (flight->kind == RequestKind::kPostStream && !flight->whole)
      keep_up_stream(lane, now);
  }
  pump(now);
}

Bytes Client::pending_output(LaneId id) {
  auto* const lane = find(id);
  return lane == nullptr || lane->closed() ? Bytes{} : lane->output().peek();
}

void Client::output_sent(LaneId id, std::size_t count, TimePoint now) {
  auto* const lane = find(id);
  if (lane == nullptr) return;
  lane->output().pop(count);
  lane->output().release_if_empty();
  if (auto* const flight = lane->flight(); flight != nullptr && flight->kind == RequestKind::kPost)
    flight->until = now + kPostLimit;
}

std::vector<LaneId> Client::take_closed() {
  std::vector<LaneId> closed;
  std::erase_if(lanes_, [&](const auto& lane) {
    if (!lane->closed()) return false;
    closed.push_back(lane->id());
    if (options_.login != nullptr) options_.login->closed(lane->id());
    return true;
  });
  return closed;
}

void Client::take_leave(TimePoint now, ErrorCode why) {
  if (failure_ || !established_) return;
  for (const auto& lane : lanes_) {
    auto* const flight = lane->flight();
    if (flight == nullptr || flight->kind != RequestKind::kPostStream || flight->whole) continue;
    if (!flight->proven || flight->left < 1024) continue;
    fill_up_stream(*lane, now);
    return put(*flight, Gone{why}, lane->output(), now);
  }
  auto* const lane = idle_lane();
  if (lane == nullptr) return;
  const auto number = next_number_;
  BodySealer sealer(keys_.request_key(number));
  ByteQueue body;
  while (const auto data = sender_.take(kMaxPieceData, number, now)) {
    auto text = encode(*data);
    sealer.seal(text, body);
    if (data->octets.empty() || body.size() >= kPostSize) break;
  }
  auto text = encode(Piece{Gone{why}});
  sealer.seal(text, body);
  begin(*lane, RequestKind::kPost, now, body.size(), &body, /*trusted=*/false);
}

std::string Client::describe() const {
  const auto way = [](Streams streams, const char* yes, const char* no) {
    return std::string(streams == Streams::kYes ? yes : no);
  };
  const bool up = std::ranges::any_of(lanes_, [](const auto& lane) {
    return lane->flight() != nullptr && lane->flight()->kind == RequestKind::kPostStream &&
           lane->flight()->proven;
  });
  return "http exchange, up by " +
         way(up ? Streams::kYes : Streams::kNo, "streams", "whole requests") + ", down by " +
         way(known_.down, "a stream", "whole answers") + ", " + std::to_string(lanes_.size()) +
         " connections";
}

}  // namespace culvert::exchange
