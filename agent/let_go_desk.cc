#include "agent/let_go_desk.h"

#include <algorithm>

#include "agent/shim_packet.h"
#include "agent/shim_question.h"

namespace culvert::agent {

LetGoDesk::LetGoDesk(loop::Loop& loop, HoldTable& holds, std::shared_ptr<std::size_t> open_count)
    : loop_(loop), holds_(holds), open_count_(std::move(open_count)), timer_(loop, *this) {}

LetGoDesk::~LetGoDesk() { *open_count_ -= waiting_.size(); }

void LetGoDesk::ask(UniqueFd socket, std::uint16_t port) {
  Waiting one{std::move(socket), port, loop_.now() + Duration{kWithin}};
  if (!look(one)) return;
  if (waiting_.size() >= kMost) {
    send_answer(one.socket.get(), make_answer(CULVERT_NOT_OURS));
    return;
  }
  waiting_.push_back(std::move(one));
  ++*open_count_;
  timer_.start(Duration::zero());
}

std::optional<TimePoint> LetGoDesk::look(const Waiting& one) {
  const auto now = loop_.now();
  const auto outcome = holds_.let_go(one.port, now);
  const bool gone = outcome.held && !outcome.used && !outcome.promised_until;
  if (!gone && outcome.held && now < one.until)
    return std::min(one.until, outcome.used ? now + Duration{kAgain} : *outcome.promised_until);
  send_answer(one.socket.get(), make_answer(gone ? CULVERT_FOUND : CULVERT_NOT_OURS));
  return std::nullopt;
}

void LetGoDesk::on_timer(loop::Timer&) {
  std::optional<TimePoint> next;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (const auto again = look(*at)) {
      next = next ? std::min(*next, *again) : *again;
      ++at;
    } else {
      at = waiting_.erase(at);
      --*open_count_;
    }
  }
  if (next) timer_.start(std::max(*next - loop_.now(), Duration{std::chrono::milliseconds{1}}));
}

}  // namespace culvert::agent
