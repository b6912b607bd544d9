// agent/uplink.h: keeps one session to the service: finds its address, picks a way
// (route_picker.h), logs in, starts again when it is lost. Directory look-ups wait here while there
// is no session.
//
//   resolving -> racing -> up -> (lost) waiting -> resolving ...
#pragma once
#include <list>
#include <memory>
#include <optional>
#include <set>

#include "agent/lookups.h"
#include "agent/reconnect_delay.h"
#include "agent/route_picker.h"
#include "agent/stream_opening.h"
#include "agent/uplink_attempt.h"
#include "resolver/dns_client.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class Uplink final : private UplinkAttempt::Listener,
                     private resolver::DnsRequest::Listener,
                     private loop::Timer::Listener {
 public:
  class Listener {
   public:
    virtual void on_uplink_changed() = 0;  // came up, or went down
    virtual void on_incoming(const control::Incoming& incoming) = 0;

   protected:
    ~Listener() = default;
  };

  struct Options {
    HostPort service;
    std::string via = "auto";
    std::uint16_t tls_port = 0;   // 0: the service's port
    std::string remembered_file;  // the way that worked the last time
  };

  Uplink(const OwnEndpoint& self, Options options, Listener& listener);
  ~Uplink();
  void start();
  void stop();  // says goodbye to the service; what follows comes from the loop
  bool stopped() const { return stopping_ && attempts_.empty(); }

  // The set of published ports, sent now if the session is up and after each login.
  void publish(std::vector<std::uint16_t> ports);
  // Fails with kExhausted; all else is told to the request's listener.
  Result<void> look_up(control::Lookup::Kind kind, const std::string& name, LookupRequest& request);
  // A stream to an ordinary host. kNetworkUnreachable without a session.
  Result<void> open(const control::Target& target, StreamOpening& opening);

  enum class State : std::uint8_t { kResolving, kRacing, kUp, kWaiting };
  State state() const { return state_; }
  bool up() const { return state_ == State::kUp; }
  const ServiceRoute* route() const { return up() ? &winner_->route() : nullptr; }
  const std::string& why() const { return why_; }  // this way, or not up
  UnixTime since() const { return since_; }        // in this state
  const session::SessionLink* link() const { return up() ? &winner_->link() : nullptr; }

 private:
  void on_attempt_up(UplinkAttempt& attempt) override;
  void on_attempt_ended(UplinkAttempt& attempt, const Error& why) override;
  void on_message(UplinkAttempt& attempt, const control::Message& message) override;
  void on_resolved(resolver::DnsRequest& request,
                   Result<std::vector<IpAddress>> addresses) override;
  void on_timer(loop::Timer& timer) override;

  void resolve();
  void race(const std::vector<IpAddress>& addresses);
  void start_attempts();
  void wait_and_retry(const std::string& why);
  void enter(State state, std::string why);
  void send_unsent();
  void arm_lookup_timer();
  Duration patience() const;
  std::optional<Route> remembered() const;
  void remember(const Route& route);

  const OwnEndpoint& self_;
  Options options_;
  Listener& listener_;
  State state_ = State::kWaiting;
  std::string why_ = "not started";
  UnixTime since_;
  TimePoint down_since_;
  bool was_up_ = false, stopping_ = false;
  resolver::DnsClient dns_;
  std::optional<resolver::DnsRequest> request_;
  std::optional<RoutePicker> picker_;
  std::list<std::unique_ptr<UplinkAttempt>> attempts_;  // racing, or the winner alone
  UplinkAttempt* winner_ = nullptr;
  ReconnectDelay delay_;
  loop::Timer timer_, lookup_timer_;
  Lookups lookups_;
  std::vector<std::uint16_t> published_;
};

}  // namespace culvert::agent
