// A proxy that wants to know who asks, between the lanes of a World and the service, and the
// LaneLogin that knows what it wants to hear. No digests: a word stands for each answer.
#pragma once
#include <functional>
#include <map>
#include <string>

#include "tunnel/base/byte_queue.h"
#include "tunnel/exchange/lane_login.h"

namespace culvert::exchange {

enum class Asks : std::uint8_t {
  kNobody,
  kEachRequest,   // Basic
  kFiveRequests,  // Digest: a question of each connection, good for five answers
  kConnection,    // NTLM: two questions, then nothing more
};

// One connection. What is let through goes to `pass`; what is refused is answered.
class Gate {
 public:
  explicit Gate(Asks asks, bool closes) : asks_(asks), closes_(closes) {}
  // Gives what the proxy itself answers; sets `ended` if it ends the connection behind that.
  std::string hear(Bytes octets, const std::function<void(Bytes)>& pass, bool& ended);
  std::size_t refusals() const { return refusals_; }
  std::size_t refused_bodies() const { return refused_bodies_; }

 private:
  bool lets_through(const std::string& login);

  Asks asks_;
  bool closes_;
  ByteQueue waiting_;
  std::uint64_t left_ = 0;  // of a body
  bool passes_ = false;     // that body
  int step_ = 0, answers_ = 0;
  std::size_t refusals_ = 0, refused_bodies_ = 0;
};

class KnowsTheWord final : public LaneLogin {
 public:
  KnowsTheWord(Asks asks, bool wrong) : asks_(asks), wrong_(wrong) {}
  bool knocks(LaneId lane) override;
  std::string authorization(LaneId lane, std::string_view method, std::string_view target) override;
  Result<Next> challenged(LaneId lane, const ResponseHead& answer) override;
  void accepted(LaneId lane) override;
  void closed(LaneId lane) override { lanes_.erase(lane); }
  std::size_t lanes() const { return lanes_.size(); }

 private:
  struct Lane {
    std::string question;
    int step = 0;
    bool tried = false;  // with the last request
  };
  Asks asks_;
  bool wrong_, known_ = false;
  std::map<LaneId, Lane> lanes_;
};

}  // namespace culvert::exchange
