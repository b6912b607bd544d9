// agent/incoming_session.h: a remote endpoint calls: meets it at the service (circuit leg named by
// the ticket), answers its handshake inside with our own key, then serves its streams.
//
// A call that resumes a session that is here hands its circuit to that one and is gone. So does a
// connection without the relay, on which nothing else is admitted: sessions begin at the service,
// which knows who may call.
//
//   dialling -> greeting -> session -> (down) gone
//                  /    \-> handed over, gone
//   direct -------/
#pragma once
#include <memory>
#include <optional>
#include <unordered_map>

#include "agent/datagram_call.h"
#include "agent/direct_answerer.h"
#include "agent/incoming_stream.h"
#include "agent/own_endpoint.h"
#include "agent/peer_keys.h"
#include "agent/peer_way.h"
#include "agent/publisher.h"
#include "agent/quic_answerer.h"
#include "agent/replay_floors.h"
#include "agent/sender_desk.h"
#include "agent/snapshot.h"
#include "agent/udp_path.h"
#include "resolver/address_pool.h"
#include "tunnel/carrier/carrier_dial.h"
#include "tunnel/flow/datagram_flow.h"
#include "tunnel/flow/flow_list.h"
#include "tunnel/session/circuit_pipe.h"
#include "tunnel/session/greeter.h"

namespace culvert::agent {

class PoolFile;

// What decides who may enter and where streams lead; borrowed.
struct IncomingPolicy {
  const OwnEndpoint& self;
  const OwnPlace& place;
  UdpPlace& udp;
  PeerKeys& keys;
  ReplayFloors& replays;
  const Publisher& publisher;
  const Publisher& udp_publisher;
  DatagramPorts& datagrams;
  AcceptDesk& accepts;
  SenderDesk& senders;
  resolver::AddressPool& pool;
  PoolFile& pool_file;

  DatagramServers datagram_servers() const {
    return {self.loop, udp_publisher, datagrams, senders};
  }
};

class IncomingSession final : private carrier::CarrierDial::Listener,
                              private session::Greeter::Listener,
                              private session::SessionLink::Listener,
                              private DirectAnswerer::Listener,
                              private IncomingStream::Listener {
 public:
  static constexpr std::chrono::seconds kDirectLimit{5};  // for a hello without the relay
  // Each takes a descriptor or two: no caller gets more streams than a quarter of them.
  static constexpr std::size_t kMostStreams = 32'768, kPartOfDescriptors = 4;

  class Listener {
   public:
    // The session of this name that the caller with this key has here; null if there is none.
    virtual IncomingSession* find_session(const crypto::PublicKey& caller,
                                          const control::SessionName& session) = 0;
    virtual void on_incoming_session_up(IncomingSession& session) = 0;
    // A connection to that session's caller, who greets on it: make a session of it.
    virtual void on_caller_dialled(std::unique_ptr<loop::BytePipe> pipe, PeerWay way) = 0;
    // By the relay, so soon after it began.
    virtual void on_incoming_carrier_lost(Duration age, bool timed_out) = 0;
    virtual void on_incoming_session_ended(IncomingSession& session) = 0;  // destroy it

   protected:
    ~Listener() = default;
  };

  IncomingSession(IncomingPolicy policy, carrier::Way way, const control::Incoming& incoming,
                  Listener& listener);
  // Without the relay. `received`: octets of a hello that were read already.
  IncomingSession(IncomingPolicy policy, std::unique_ptr<loop::BytePipe> pipe, ByteVector received,
                  PeerWay way, Listener& listener);
  // One that an earlier process answered; its caller calls again.
  IncomingSession(IncomingPolicy policy, const IncomingSnapshot& from, restart::Inherited& sockets,
                  Listener& listener);
  // If there is a session; nothing may run on it afterwards.
  std::optional<IncomingSnapshot> take_snapshot(restart::Outgoing& out);

  const std::string& caller() const { return caller_; }  // proven once link() is there
  const session::SessionLink* link() const { return link_.get(); }
  std::size_t stream_count() const { return streams_.size() + flows_.size(); }
  std::size_t datagram_flow_count() const { return datagrams_.size(); }
  bool has_datagrams_from(const SocketAddress& caller) const {
    return datagrams_.has_local(caller);
  }
  UnixTime since() const { return since_; }
  void close(const std::string& reason);
  void network_changed();
  void place_changed();
  const PeerWay& way() const { return way_; }
  const UdpPath* udp() const { return udp_path_ ? &*udp_path_ : nullptr; }
  UdpPath* udp() { return udp_path_ ? &*udp_path_ : nullptr; }  // once it was up
  bool is_direct_stranger() const { return direct_ && link_ == nullptr; }
  bool is(const crypto::PublicKey& caller, const control::SessionName& session) const {
    return link_ != nullptr && key_ == caller && session_ == session;
  }
  bool is_of_caller_of(const IncomingSession& other) const {
    return link_ != nullptr && key_ == other.key_;
  }
  // Without a carrier, and of the same caller as that new one.
  bool is_left_by(const IncomingSession& newer) const {
    return this != &newer && link_ != nullptr && !link_->attached() && key_ == newer.key_;
  }

 private:
  void on_carrier(carrier::CarrierDial& dial, std::unique_ptr<loop::BytePipe> pipe,
                  const Error& why) override;
  void on_greeted(session::Greeter& greeter,
                  session::ResponderHandshake::Greeting& greeting) override;
  void on_answered(session::Greeter& greeter) override;
  void on_greeting_failed(session::Greeter& greeter, const Error& why) override;
  void on_session_up(session::SessionLink&) override {}
  void on_stream_opened(session::SessionLink& link, mux::StreamId stream,
                        const control::Target& target) override;
  void on_control(session::SessionLink& link, const control::Message& message) override;
  void on_carrier_attached(session::SessionLink& link) override;
  void on_session_down(session::SessionLink& link, const Error& why) override;
  void on_dialled_back(std::unique_ptr<loop::BytePipe> pipe, PeerWay way) override;
  void on_incoming_stream_connected(IncomingStream& stream, UniqueFd program) override;
  void on_incoming_stream_ended(IncomingStream& stream) override;

  void on_carrier_lost(session::SessionLink& link, const Error& why) override;
  void open_datagrams(session::SessionLink& link, mux::StreamId stream,
                      const control::Target& target);
  Result<IpAddress> caller_address();
  void resume(session::FreshCarrier carrier, IncomingSession& newer);
  void attach_lane(session::FreshCarrier carrier) { link_->attach_lane(std::move(carrier)); }
  void go_on(const IncomingSnapshot& from, restart::Inherited& sockets);
  Result<void> judge(const session::ResponderHandshake::Greeting& greeting);
  void end(const Error& why);

  IncomingPolicy policy_;
  control::CircuitTicket ticket_;
  std::string caller_;
  Listener& listener_;
  UnixTime since_;
  std::optional<carrier::CarrierDial> dial_;
  std::optional<session::Greeter> greeter_;
  crypto::AeadAlgorithm aead_{};
  ByteVector early_frames_;
  crypto::PublicKey key_;
  control::SessionName session_{};
  bool direct_ = false, refused_ = false, resumes_ = false, beside_ = false;
  PeerWay way_;
  TimePoint carrier_since_{};
  std::shared_ptr<session::CircuitNews> news_ = std::make_shared<session::CircuitNews>();
  std::unique_ptr<session::SessionLink> link_;
  std::optional<DirectAnswerer> answerer_;
  std::optional<UdpPath> udp_path_;
  std::optional<QuicAnswerer> quic_;  // borrows it
  std::unordered_map<IncomingStream*, std::unique_ptr<IncomingStream>>
      streams_;  // after link_: they borrow it
  flow::FlowList flows_;
  flow::DatagramFlows datagrams_;
};

}  // namespace culvert::agent
