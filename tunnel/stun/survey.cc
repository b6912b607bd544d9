#include "tunnel/stun/survey.h"

namespace culvert::stun {

Survey::Survey(std::vector<Question> questions, Random& random)
    : questions_(std::move(questions)),
      mapped_(questions_.size()),
      proofs_(questions_.size()),
      answered_(questions_.size(), false),
      unanswered_(questions_.size()) {
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    std::array<std::byte, 12> bytes;
    random.fill(bytes);
    ids_.push_back(make_transaction_id(bytes));
  }
}

std::optional<Survey::Datagram> Survey::next(TimePoint now) {
  if (done()) return std::nullopt;
  if (next_ == questions_.size() || tries_ == 0) {
    if (due_ && now < *due_) return std::nullopt;
    if (tries_ == kTries) {
      given_up_ = true;
      return std::nullopt;
    }
    due_ = now + Duration{kPause} * (1 << tries_);
    ++tries_;
    next_ = 0;
  }
  while (next_ < questions_.size() && answered_[next_]) ++next_;
  if (next_ == questions_.size()) return std::nullopt;
  Request request;
  request.id = ids_[next_];
  request.wants_proof = questions_[next_].proof;
  const auto size = request.wants_proof ? kProofRequestSize : kRequestSize;
  return Datagram{next_++, encode(request, size)};
}

std::optional<TimePoint> Survey::next_deadline() const {
  if (done()) return std::nullopt;
  return due_.value_or(TimePoint::min());
}

bool Survey::receive(Bytes message, const SocketAddress& from) {
  const auto response = decode_response(message);
  if (!response) return false;
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    if (response->id != ids_[i] || from != questions_[i].server) continue;
    if (!answered_[i]) --unanswered_;
    answered_[i] = true;
    mapped_[i] = response->mapped;
    proofs_[i] = response->proof;
    return true;
  }
  return false;
}

}  // namespace culvert::stun
