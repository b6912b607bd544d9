#include "agent/lookups.h"

#include <algorithm>

namespace culvert::agent {

LookupRequest::~LookupRequest() {
  if (waiting_in_ != nullptr) waiting_in_->erase(self_);
}

Result<void> Lookups::ask(control::Lookup::Kind kind, const std::string& name, TimePoint deadline,
                          LookupRequest& request) {
  auto same = std::find_if(questions_.begin(), questions_.end(), [&](const auto& entry) {
    return entry.second.lookup.kind == kind && entry.second.lookup.name == name;
  });
  if (same == questions_.end()) {
    if (questions_.size() >= kMost)
      return fail(ErrorCode::kExhausted, "too many names are being looked up at once");
    const auto query = next_query_++;
    same = questions_.emplace(query, Question{{query, kind, name}, deadline, false, {}}).first;
  }
  auto& waiting = same->second.waiting;
  request.self_ = waiting.insert(waiting.end(), &request);
  request.waiting_in_ = &waiting;
  return {};
}

std::vector<control::Lookup> Lookups::take_unsent() {
  std::vector<control::Lookup> out;
  for (auto& [query, question] : questions_) {
    if (question.sent || question.waiting.empty()) continue;
    question.sent = true;
    out.push_back(question.lookup);
  }
  return out;
}

void Lookups::session_lost() {
  for (auto& [query, question] : questions_) question.sent = false;
}

void Lookups::answered(const control::Found& found) {
  const auto question = questions_.find(found.query);
  if (question == questions_.end()) return;  // too late, or nobody asked
  if (found.error != ErrorCode::kNone) return finish(question, fail(found.error, found.detail));
  finish(question, found.certificate);
}

std::optional<TimePoint> Lookups::next_deadline() const {
  std::optional<TimePoint> first;
  for (const auto& [query, question] : questions_)
    if (!first || question.deadline < *first) first = question.deadline;
  return first;
}

void Lookups::tick(TimePoint now) {
  while (true) {  // a listener may ask again: look from the front each time
    const auto due = std::find_if(questions_.begin(), questions_.end(), [now](const auto& entry) {
      return entry.second.deadline <= now;
    });
    if (due == questions_.end()) return;
    finish(due, fail(ErrorCode::kTryAgain, "the service did not answer in time"));
  }
}

// The askers leave the table before the first of them hears, and may destroy one another.
void Lookups::finish(Questions::iterator question, const Result<ByteVector>& answer) {
  std::list<LookupRequest*> waiting = std::move(question->second.waiting);
  for (auto* request : waiting) request->waiting_in_ = &waiting;
  questions_.erase(question);
  while (!waiting.empty()) {
    auto* const request = waiting.front();
    waiting.pop_front();
    request->waiting_in_ = nullptr;
    request->listener_.on_looked_up(*request, answer);
  }
}

}  // namespace culvert::agent
