// tunnel/stun/behaviour.h: finds out what stands between this machine and the discovery servers
// (RFC 5780 sections 4.3 and 4.4): does UDP pass, how are ports mapped, what is let in. Sans-IO.
//
// Datagrams get lost, so silence is believed only after kTries, and what was found is advice: a
// barrier may treat another destination differently. With one address or one port of the servers
// less is found out.
#pragma once
#include <optional>

#include "tunnel/base/random.h"
#include "tunnel/base/time.h"
#include "tunnel/stun/message.h"

namespace culvert::stun {

// RFC 4787 sections 4.1 and 5, with its words.
enum class Dependence : std::uint8_t {
  kUnknown,
  kEndpointIndependent,
  kAddressDependent,
  kAddressAndPortDependent,
};
std::string_view to_string(Dependence dependence);

struct Behaviour {
  bool udp = false;                     // datagrams pass, out and back
  std::optional<SocketAddress> mapped;  // as the first server sees it
  Dependence mapping = Dependence::kUnknown, filtering = Dependence::kUnknown;
  bool operator==(const Behaviour&) const = default;
};

class BehaviourTest {
 public:
  static constexpr std::chrono::milliseconds kWait{300};  // for an answer
  static constexpr int kTries = 3;
  static constexpr std::size_t kRequestSize = 100;  // the answer is not longer: always answered

  BehaviourTest(const SocketAddress& server, Random& random) : server_(server), random_(random) {}

  struct Datagram {
    SocketAddress to;
    ByteVector message;
  };
  std::optional<Datagram> next(TimePoint now);  // to be sent; call until nothing comes
  void receive(Bytes message, const SocketAddress& from, TimePoint now);
  std::optional<TimePoint> next_deadline() const;  // of next()
  bool done() const { return step_ == Step::kDone; }
  const Behaviour& result() const { return result_; }

 private:
  enum class Step : std::uint8_t {
    kMapped,        // to the first server
    kFilterAll,     // answered from another address and port?
    kFilterPort,    // ... from another port?
    kOtherAddress,  // where does the other address see us?
    kOtherBoth,     // and its other port?
    kDone,
  };
  void enter(Step step, TimePoint now);
  void answered(const Response& response, TimePoint now);
  void silent(TimePoint now);

  SocketAddress server_;
  Random& random_;
  Step step_ = Step::kMapped;
  int tries_ = 0;
  std::optional<TimePoint> due_;  // none: the step has not begun
  TransactionId id_{};
  std::optional<SocketAddress> other_, mapped_at_other_;
  Behaviour result_;
};

}  // namespace culvert::stun
