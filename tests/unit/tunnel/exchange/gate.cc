#include "gate.h"

namespace culvert::exchange {
namespace {

std::string field(Bytes head, std::string_view name) {
  const auto text = as_text(head);
  const auto at = text.find(name);
  if (at == std::string_view::npos) return {};
  const auto begin = at + name.size();
  return std::string(text.substr(begin, text.find("\r\n", begin) - begin));
}

}  // namespace

bool Gate::lets_through(const std::string& login) {
  switch (asks_) {
    case Asks::kNobody: return true;
    case Asks::kEachRequest: return login == "word";
    case Asks::kFiveRequests:
      if (login == "word " + std::to_string(step_) && answers_ < 5) {
        ++answers_;
        return true;
      }
      ++step_;
      answers_ = 0;
      return false;
    case Asks::kConnection:
      if (step_ == 2) return true;
      if (step_ == 1 && login == "three") {
        step_ = 2;
        return true;
      }
      step_ = login == "one" ? 1 : 0;
      return false;
  }
  return true;
}

std::string Gate::hear(Bytes octets, const std::function<void(Bytes)>& pass, bool& ended) {
  std::string out;
  waiting_.append(octets);
  while (!waiting_.empty() && !ended) {
    if (left_ != 0) {
      const auto some = waiting_.peek().first(
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, waiting_.size())));
      const ByteVector copy(some.begin(), some.end());
      if (passes_) pass(copy);
      left_ -= copy.size();
      waiting_.pop(copy.size());
      continue;
    }
    const auto head = read_request_head(waiting_.peek());
    if (!head || !*head) break;
    const auto all = waiting_.peek().first((*head)->size);
    const ByteVector copy(all.begin(), all.end());
    passes_ = lets_through(field(copy, "Proxy-Authorization: "));
    left_ = (*head)->body.length;
    waiting_.pop(copy.size());
    if (passes_) {
      pass(copy);
      continue;
    }
    ++refusals_;
    if (left_ != 0) ++refused_bodies_;
    out += "HTTP/1.1 407 Who is it\r\nProxy-Authenticate: " + std::to_string(step_) +
           "\r\nContent-Length: 5\r\n" + (closes_ ? "Connection: close\r\n" : "") + "\r\nhello";
    ended = closes_;
  }
  return out;
}

bool KnowsTheWord::knocks(LaneId id) {
  if (!known_ || asks_ == Asks::kEachRequest) return false;
  return lanes_[id].step == 0;
}

std::string KnowsTheWord::authorization(LaneId id, std::string_view, std::string_view) {
  auto& lane = lanes_[id];
  lane.tried = known_ && (asks_ == Asks::kEachRequest || lane.step == 1);
  if (!known_) return {};
  switch (asks_) {
    case Asks::kNobody: return {};
    case Asks::kEachRequest: return wrong_ ? "wrong" : "word";
    case Asks::kFiveRequests:
      return lane.step == 0 ? "" : (wrong_ ? "wrong " : "word ") + lane.question;
    case Asks::kConnection:
      return lane.step == 0 ? "one" : lane.step == 1 ? (wrong_ ? "wrong" : "three") : "";
  }
  return {};
}

Result<LaneLogin::Next> KnowsTheWord::challenged(LaneId id, const ResponseHead& answer) {
  auto& lane = lanes_[id];
  if (lane.tried && wrong_) return fail(ErrorCode::kAuthentication, "not the word");
  const bool first = !known_;
  known_ = true;
  lane.question = *answer.find("proxy-authenticate");
  if (asks_ == Asks::kConnection && (first || lane.question == "0")) {
    lane.step = 0;
  } else {
    lane.step = 1;
  }
  return Next::kSameLane;
}

void KnowsTheWord::accepted(LaneId id) {
  if (known_ && asks_ == Asks::kConnection) lanes_[id].step = 2;
}

}  // namespace culvert::exchange
