// tunnel/stun/survey.h: asks discovery servers from one or many sockets where they see these, all
// at once and in a given order, as mappings are made in the order of the first requests. Sans-IO.
//
// Repeats what is not answered, kTries times in all; a repetition makes no other mapping.
#pragma once
#include <optional>
#include <vector>

#include "tunnel/base/random.h"
#include "tunnel/base/time.h"
#include "tunnel/stun/message.h"

namespace culvert::stun {

class Survey {
 public:
  static constexpr std::chrono::milliseconds kPause{150};  // doubles with each try
  static constexpr int kTries = 3;
  // The answer is not longer: always answered.
  static constexpr std::size_t kRequestSize = 100, kProofRequestSize = 128;

  struct Question {
    std::size_t socket = 0;  // the owner's number of it
    SocketAddress server;
    bool proof = false;  // of the address is wanted, too
  };
  struct Datagram {
    std::size_t question;
    ByteVector message;
  };

  Survey(std::vector<Question> questions, Random& random);
  std::optional<Datagram> next(TimePoint now);             // to be sent; call until nothing comes
  bool receive(Bytes message, const SocketAddress& from);  // false: it is none of ours
  std::optional<TimePoint> next_deadline() const;          // of next(); nothing: done()
  bool done() const { return unanswered_ == 0 || given_up_; }
  const std::vector<Question>& questions() const { return questions_; }
  // As the questions; nothing: no answer.
  const std::vector<std::optional<SocketAddress>>& mapped() const { return mapped_; }
  const std::vector<std::optional<AddressProof>>& proofs() const { return proofs_; }

 private:
  std::vector<Question> questions_;
  std::vector<TransactionId> ids_;
  std::vector<std::optional<SocketAddress>> mapped_;
  std::vector<std::optional<AddressProof>> proofs_;
  std::vector<bool> answered_;
  std::size_t unanswered_;
  int tries_ = 0;
  std::size_t next_ = 0;  // of this try
  std::optional<TimePoint> due_;
  bool given_up_ = false;
};

}  // namespace culvert::stun
