#include "tunnel/exchange/server.h"

#include <algorithm>

namespace culvert::exchange {
namespace {

constexpr Duration kAcknowledgeDelay = std::chrono::milliseconds{25};
constexpr std::size_t kTellAfter = 64 * 1024;
// In the socket's hands more would only wait behind an echo; less would leave a fast path dry.
constexpr std::size_t kStreamUnsent = 256 * 1024;
constexpr std::size_t kPostAnswer = 256 * 1024;
// A stream that nobody has proven to pass holds a place in the middlebox for nothing.
constexpr Duration kProofLimit = std::chrono::seconds{3};
constexpr Duration kHint = std::chrono::milliseconds{150};

}  // namespace

Server::~Server() {
  abort(ErrorCode::kClosed);
  for (auto* const call : done_) call->forsake();
}

void Server::abort(ErrorCode code) {
  if (gone_ != ErrorCode::kNone) return;
  gone_ = code == ErrorCode::kNone ? ErrorCode::kClosed : code;
  if (!failure_) failure_ = Error{gone_, "the exchange was ended here"};
  while (!calls_.empty()) {
    auto* const call = calls_.front().call;
    call->put(Gone{gone_});
    call->finish();
    drop(*call);
  }
}

void Server::fail_with(Error why) {
  if (!failure_) failure_ = std::move(why);
  abort(failure_->code);
}

bool Server::is_new(std::uint64_t number) {
  if (number > newest_) {
    const auto step = number - newest_;
    known_ = step < known_.size() ? known_ << static_cast<std::size_t>(step) : std::bitset<1024>{};
    newest_ = number;
    known_.set(0);
    return true;
  }
  const auto back = newest_ - number;
  if (back >= known_.size() || known_.test(static_cast<std::size_t>(back))) return false;
  known_.set(static_cast<std::size_t>(back));
  return true;
}

void Server::take_request(const Request& request, TimePoint now) {
  take_stand(request.received, request.credit, now);
  for (const auto number : request.lost) sender_.lost(number);
  prove(request.proven, now);
  down_passes_ = request.passes;
}

void Server::prove(std::uint64_t stream, TimePoint now) {
  for (auto& guest : calls_) {
    if (guest.call->number() != stream || guest.proven) continue;
    guest.proven = true;
    guest.until = now + kStreamLife;
  }
}

void Server::take_stand(std::uint64_t received, std::uint64_t credit, TimePoint now) {
  sender_.allow(credit);
  if (const auto taken = sender_.acknowledged(received, now); !taken) fail_with(taken.error());
}

void Server::on_begin(Call& call, TimePoint now) {
  const bool fresh = is_new(call.number());
  left_at_ = now;
  calls_.push_back({&call});
  auto& guest = calls_.back();
  if (gone_ == ErrorCode::kNone && fresh) take_request(call.request(), now);
  if (gone_ != ErrorCode::kNone) {
    if (call.finished()) return;  // abort() has reached it already
    call.put(Gone{gone_});
    call.finish();
    return drop(call);
  }
  const auto& request = call.request();
  guest.patience =
      std::min<Duration>(std::chrono::milliseconds{request.patience_ms}, kLongestPatience);
  switch (request.kind) {
    case RequestKind::kPoll:
      guest.until = now + guest.patience;
      // Some middleboxes repeat what they think was lost. Data on a repetition would go astray.
      if (!fresh || calls_.size() > kMaxCalls) answer(guest, 0, now);
      return;
    case RequestKind::kStream:
      if (!fresh || calls_.size() > kMaxCalls) return answer(guest, 0, now);
      guest.proven = request.trusted;
      return begin_stream(guest, now);
    case RequestKind::kPostStream:
      if (punctuality_.passes() == Passes::kLate) punctuality_.restart();  // tried anew
      [[fallthrough]];
    case RequestKind::kPost: guest.until = TimePoint::max(); return;
  }
}

// A newer stream ends the older ones: by then it is open, so nothing falls into a gap.
void Server::begin_stream(Guest& guest, TimePoint now) {
  guest.patience = std::max<Duration>(guest.patience, std::chrono::seconds{1});
  guest.until = now + (guest.proven ? Duration{kStreamLife} : kProofLimit);
  guest.said_at = now;
  auto& call = *guest.call;
  call.put(stand());
  mark(call, Mark::Kind::kWhole, now);
  for (std::size_t i = 0; i < kPreamble / 1024; ++i) call.put(Padding{});
  call.flush();
  if (!guest.proven) return;
  std::vector<Call*> older;
  for (const auto& one : calls_)
    if (one.call != &call && one.call->request().kind == RequestKind::kStream)
      older.push_back(one.call);
  for (auto* const one : older) {
    one->finish();
    drop(*one);
  }
}

void Server::on_body(Call& call, TimePoint now) {
  left_at_ = now;
  if (call.finished()) return;
  ByteVector text;
  while (true) {
    const auto whole = call.next_piece(text);
    if (!whole) {
      // Altered on the way: this request is worth nothing, the exchange is not harmed.
      call.put(stand());
      call.finish();
      return drop(call);
    }
    if (!*whole) break;
    take_piece(call, text, now);
    if (call.finished()) return;  // the exchange came to its end
  }
  if (call.request().kind == RequestKind::kPostStream && !call.body_complete())
    seen_ = std::max(seen_, call.number());
}

void Server::take_piece(Call&, Bytes text, TimePoint now) {
  const auto piece = decode_piece(text);
  if (!piece) return fail_with(piece.error());
  if (const auto* data = std::get_if<Data>(&*piece)) {
    if (const auto taken = receiver_.take(*data); !taken) return fail_with(taken.error());
    if (receiver_.received() != received_told_ && !tell_at_ && !tell_late_)
      tell_at_ = now + kAcknowledgeDelay;
  } else if (const auto* other = std::get_if<Stand>(&*piece)) {
    take_stand(other->received, other->credit, now);
    prove(other->seen, now);
    down_passes_ = other->passes;
  } else if (const auto* one = std::get_if<Mark>(&*piece)) {
    punctuality_.take(*one, now);
  } else if (const auto* gone = std::get_if<Gone>(&*piece)) {
    fail_with({gone->code, "the client ended the exchange"});
  }
}

void Server::on_body_end(Call& call, TimePoint now) {
  if (call.request().kind == RequestKind::kPoll || call.request().kind == RequestKind::kStream)
    return;
  const auto found = std::ranges::find(calls_, &call, &Guest::call);
  if (found != calls_.end())
    answer(*found, std::min<std::size_t>(kPostAnswer, call.request().most), now);
}

void Server::leave(Call& call) {
  // Of a finished answer nobody knows here whether it arrived; an unfinished one did not.
  if (!call.finished() || !call.pending_output().empty()) sender_.lost(call.number());
  std::erase(done_, &call);
  std::erase_if(calls_, [&](const Guest& guest) { return guest.call == &call; });
}

// Its answer is complete, but not yet on its way.
void Server::drop(Call& call) {
  if (std::erase_if(calls_, [&](const Guest& guest) { return guest.call == &call; }) != 0)
    done_.push_back(&call);
}

Stand Server::stand() {
  Stand out;
  out.received = received_told_ = receiver_.received();
  out.credit = credit_told_ = receiver_.credit();
  out.seen = seen_told_ = seen_;
  out.more = sender_.due() != 0;
  out.passes = passes_told_ = punctuality_.passes();
  tell_at_.reset();
  tell_late_ = false;
  return out;
}

bool Server::must_tell(TimePoint now) const {
  return receiver_.received() - received_told_ >= kTellAfter || seen_ != seen_told_ ||
         punctuality_.passes() != passes_told_ || receiver_.credit() - credit_told_ >= kTellAfter ||
         tell_late_ || (tell_at_ && now >= *tell_at_);
}

void Server::put_due(Call& call, std::size_t most, TimePoint now) {
  std::size_t put = 0;
  while (put < most) {
    const auto data = sender_.take(std::min(kMaxPieceData, most - put), call.number(), now);
    if (!data) break;
    put += data->octets.size();
    call.put(*data);
    if (data->octets.empty()) break;
  }
}

void Server::mark(Call& call, Mark::Kind kind, TimePoint now) {
  call.put(Mark{kind, mark_time(now)});
}

// Whatever ends a burst there gets padding behind it, unless it is known to pass without.
void Server::say(Guest& stream, TimePoint now) {
  if (sender_.due() == 0 && down_passes_ != Passes::kPromptly) {
    if (stream.burst_marks < kMarks && now >= stream.said_at + kMarkInBurst) {
      ++stream.burst_marks;
      mark(*stream.call, Mark::Kind::kPadded, now);
    }
    for (int i = 0; i < kPadsBehind; ++i) stream.call->put(Padding{});
  }
  stream.call->flush();
  stream.said_at = now;
}

void Server::answer(Guest& guest, std::size_t most, TimePoint now) {
  auto& call = *guest.call;
  if (!call.started()) mark(call, Mark::Kind::kWhole, now);
  put_due(call, most, now);
  call.put(stand());
  call.finish();
  drop(call);
}

Server::Guest* Server::best_stream() {
  Guest* best = nullptr;
  for (auto& guest : calls_)
    if (guest.call->request().kind == RequestKind::kStream && guest.proven) best = &guest;
  return best;
}

Server::Guest* Server::oldest_poll() {
  for (auto& guest : calls_)
    if (guest.call->request().kind == RequestKind::kPoll) return &guest;
  return nullptr;
}

void Server::pump(TimePoint now) {
  if (gone_ != ErrorCode::kNone) return;
  while (sender_.due() != 0) {
    auto* const stream = best_stream();
    // What has to go again was perhaps on a stream that stalls: it goes another way.
    auto* const poll = stream == nullptr || sender_.has_lost() ? oldest_poll() : nullptr;
    if (poll != nullptr) {
      answer(*poll, std::max<std::size_t>(poll->call->request().most, 1), now);
    } else if (stream != nullptr && stream->call->unsent() < kStreamUnsent) {
      put_due(*stream->call, kStreamUnsent - stream->call->unsent(), now);
      stream->call->put(stand());
      say(*stream, now);
    } else {
      break;
    }
  }
  if (!must_tell(now)) return;
  if (auto* const stream = best_stream(); stream != nullptr) {
    if (stream->call->unsent() >= kStreamUnsent) return;
    stream->call->put(stand());
    say(*stream, now);
  } else if (auto* const poll = oldest_poll(); poll != nullptr) {
    answer(*poll, 0, now);
  }
}

std::optional<TimePoint> Server::next_deadline() const {
  if (failure_) return std::nullopt;
  auto due = sender_.next_deadline().value_or(TimePoint::max());
  if (tell_at_ && !calls_.empty()) due = std::min(due, *tell_at_);
  if (calls_.empty()) due = std::min(due, left_at_ + kAbandoned);
  for (const auto& guest : calls_) {
    due = std::min(due, guest.until);
    if (guest.call->request().kind != RequestKind::kStream) continue;
    if (!guest.hinted) due = std::min(due, guest.said_at + kHint);
    if (guest.marks < kMarks) due = std::min(due, guest.said_at + kMarkAfter);
    due = std::min(due, guest.said_at + guest.patience);
  }
  if (due == TimePoint::max()) return std::nullopt;
  return due;
}

void Server::tick(TimePoint now) {
  if (failure_) return;
  sender_.tick(now);
  if (tell_at_ && now >= *tell_at_) {  // if no request can carry it now, the next one will
    tell_at_.reset();
    tell_late_ = true;
  }
  if (calls_.empty()) {
    if (now >= left_at_ + kAbandoned)
      fail_with({ErrorCode::kTimedOut, "no request of the client came any more"});
    return;
  }
  std::vector<Call*> due;
  for (auto& guest : calls_) {
    auto& call = *guest.call;
    if (now >= guest.until) due.push_back(&call);
    if (call.request().kind != RequestKind::kStream || now >= guest.until) continue;
    if (guest.hinted && guest.marks < kMarks && now >= guest.said_at + kMarkAfter) {
      const auto kind = kind_of_mark(guest.marks++);
      mark(call, kind, now);
      for (int i = 0; kind == Mark::Kind::kPadded && i < kPadsBehind; ++i) call.put(Padding{});
      call.flush();
      guest.said_at = now;
    }
    if ((!guest.hinted && now >= guest.said_at + kHint) || now >= guest.said_at + guest.patience) {
      guest.hinted = true;
      guest.said_at = now;
      call.put(stand());
      call.flush();
    }
  }
  for (auto* const call : due) {
    const auto found = std::ranges::find(calls_, call, &Guest::call);
    if (found != calls_.end()) answer(*found, 0, now);
  }
  pump(now);
}

std::string Server::describe() const {
  const bool stream = std::ranges::any_of(calls_, [](const Guest& g) {
    return g.proven && g.call->request().kind == RequestKind::kStream;
  });
  return "down by " + std::string(stream ? "a stream" : "polls") + ", " +
         std::to_string(calls_.size()) + " requests";
}

}  // namespace culvert::exchange
