// agent/agent.h: puts the parts of the agent together. Composition only: what happens is decided
// in the parts.
#pragma once
#include <list>
#include <memory>
#include <unordered_map>

#include "agent/config.h"
#include "agent/datagram_ports.h"
#include "agent/destinations.h"
#include "agent/direct_flows.h"
#include "agent/direct_listener.h"
#include "agent/dns_desk.h"
#include "agent/inbound_trials.h"
#include "agent/incoming_session.h"
#include "agent/listener_file.h"
#include "agent/name_desk.h"
#include "agent/peer_sessions.h"
#include "agent/program_connect.h"
#include "agent/publish_consent.h"
#include "agent/replay_floors.h"
#include "agent/shim_gate.h"
#include "agent/status.h"
#include "agent/system_wide_gate.h"
#include "agent/udp_behaviour.h"
#include "agent/udp_mapping.h"
#include "agent/udp_witness.h"
#include "agent/user_proxies.h"
#include "tunnel/flow/flow_list.h"
#include "tunnel/loop/network_watch.h"
#include "tunnel/portmap/port_mapper.h"
#include "tunnel/restart/descriptor_store.h"

namespace culvert::agent {

class Agent final : private ShimGate::Handler,
                    private DatagramPorts::Handler,
                    private SystemWideGate::Handler,
                    private Uplink::Listener,
                    private NameDesk::Acquaintances,
                    private PeerSessions::Listener,
                    private IncomingSession::Listener,
                    private DirectListener::Listener,
                    private UdpPlace::Waiter,
                    private RelayDoor,
                    private UdpMapping::Listener,
                    private UdpWitness::Listener,
                    private ProxyUdp::Listener,
                    private ProgramConnect::Listener,
                    private PublishConsent::Listener,
                    private ListenerFile::Source,
                    private loop::NetworkWatch::Listener,
                    private portmap::PortMapper::Listener,
                    private loop::Timer::Listener {
 public:
  static constexpr std::size_t kMostIncoming = 1024;       // calls and their sessions, at once
  static constexpr std::size_t kMostDirectStrangers = 64;  // among them
  static constexpr std::ptrdiff_t kMostOfCaller = 4;       // of one caller
  static constexpr std::size_t kMostHostedCalls = 256;     // that take sockets of their own

  class Listener {
   public:
    virtual void on_agent_stopped() = 0;  // after stop() or prepare_to_leave(): destroy it

   protected:
    ~Listener() = default;
  };

  Agent(AgentConfig config, OwnEndpoint self, Listener& listener);
  ~Agent();
  void keep_listeners();  // before start(): also for one that follows after this was killed
  Result<void> start(restart::Estate estate = {});  // of an earlier process
  // Lets connects that are held come to their end, for kLeaveLimit at most, while everything else
  // goes on; programs that ask from now on are answered by the next process.
  void prepare_to_leave();
  // For the next process; then nothing may run any more: destroy it. Says no goodbye.
  ByteVector hand_over(restart::Outgoing& out);
  void stop();  // tells the service and the peers; at most kGoodbye later it has stopped
  StatusReport status() const;
  const ByteVector& certificate() const { return self_.identity.certificate; }  // that of now

 private:
  static constexpr std::chrono::milliseconds kGoodbye{500};
  static constexpr std::chrono::milliseconds kLeaveLimit{2000}, kLookAgain{20};

  void on_name_asked(std::unique_ptr<NameQuestion> question) override;
  void on_address_asked(std::unique_ptr<AddressQuestion> question) override;
  void on_connect(std::unique_ptr<HeldConnect> held) override;
  std::optional<IpAddress> stand_in(Protocol protocol, const IpAddress& ordinary,
                                    const Asker& asker) override;
  void on_datagrams_asked(std::unique_ptr<DatagramQuestion> question) override;
  void open_datagrams(const SocketAddress& to, std::uint16_t from_port,
                      StreamOpening& opening) override;
  void cancel_datagrams(StreamOpening& opening) override { peers_.cancel(opening); }
  bool may_send(uid_t uid) override;
  bool may_everybody_send() override { return config_.access.all; }
  void on_share_asked(UniqueFd socket, std::uint16_t port, bool own_shares) override {
    datagrams_.share_desk().ask(std::move(socket), port, own_shares);
  }
  UniqueFd on_accepted(const SocketAddress& peer, std::uint64_t cookie,
                       const Asker& asker) override {
    return accepts_.take(peer, cookie, asker);
  }
  std::optional<SocketAddress> on_sender_asked(const SocketAddress& about,
                                               std::uint16_t server) override {
    return about.ip.is_v4() ? senders_.sender_for(about, server) : senders_.caller_at(about);
  }
  void on_listening(const ProgramListener& listener) override;
  void on_listener_gone(const ProgramListener& listener) override;
  void on_may_publish(const ProgramListener& listener) override;
  ToldListeners told_listeners() const override;
  void on_status_asked(std::unique_ptr<StatusQuestion> question) override;
  void on_why_asked(std::unique_ptr<StatusQuestion> question, const std::string& host) override;
  Result<bool> on_system_wide_told() override;
  bool on_proxy_told(const Asker& asker, const std::string& url) override;
  std::optional<IpAddress> pool_address(const IpAddress& ordinary) override;
  void on_caught_connect(std::unique_ptr<HeldConnect> held) override {
    on_connect(std::move(held));
  }
  bool on_caught_datagram(const SocketAddress& to) override;
  void on_uplink_changed() override;
  void on_incoming(const control::Incoming& incoming) override;
  void on_inbound_tried(const control::InboundTried& outcome) override;
  void on_udp_seen(const UdpSight& sight) override;
  void on_discovery_servers(const control::DiscoveryServers& servers) override;
  void on_uplink_session(session::SessionLink* link) override;
  void on_path_message(const control::Message& message) override;
  Result<void> open_relay(const control::Target& target, StreamOpening& opening) override {
    return uplink_.open(target, opening);
  }
  void on_udp_mapping_tried() override;
  void on_address_proof(const control::ProveAddress& proof) override;
  void on_address_stated() override;
  void on_certificate(const control::Certificate& fresh) override;
  Result<void> on_hosted_call(session::SessionLink& link, mux::StreamId stream,
                              const control::Target& target) override;
  void on_own_address_stated(const control::AddressStated& stated) override {
    udp_witness_.take(stated);
  }
  void on_proxy_udp_lost() override;
  bool sends_by_udp() const override { return service_path_ && service_path_->up(); }
  void want_udp() override {
    if (service_path_) service_path_->want();
  }
  IncomingSession* find_session(const crypto::PublicKey& caller,
                                const control::SessionName& session) override;
  bool is_here(const std::string& name) const override;
  void on_peers_changed() override { tell_expected(); }
  void on_incoming_session_up(IncomingSession& session) override;
  void on_incoming_carrier_lost(Duration age, bool timed_out) override {
    uplink_.carrier_was_lost(age, timed_out);
  }
  void on_incoming_session_ended(IncomingSession& session) override;
  void on_caller_dialled(std::unique_ptr<loop::BytePipe> pipe, PeerWay way) override;
  void on_direct_hello(std::unique_ptr<loop::BytePipe> pipe, ByteVector received,
                       const SocketAddress& from) override;
  bool on_dialled_back(const control::OfferToken& token, std::unique_ptr<loop::BytePipe>& pipe,
                       const SocketAddress& from) override;
  void on_program_connected(ProgramConnect& connect, session::SessionLink& link,
                            mux::StreamId stream, UniqueFd program) override;
  void on_program_connected_directly(ProgramConnect& connect, UniqueFd program,
                                     UniqueFd destination) override;
  void on_program_connect_ended(ProgramConnect& connect) override;
  void on_network_changed() override;
  void on_port_mappings_changed() override;
  void on_gateway_restarted() override;
  void on_timer(loop::Timer& timer) override;

  bool allowed(const Asker& asker) const;
  bool chosen(uid_t uid) const;        // by system-wide mode; of slices nobody knows
  Result<bool> take_up_system_wide();  // false: it is off, or not about us
  void renew_system_wide();
  void serve_names();
  Result<void> load_peer_keys();
  void save_peer_keys();
  void take_over(restart::Estate estate);
  void take_up_listeners();
  void go_on(const AgentSnapshot& from, restart::Inherited& sockets);
  void go_on(const PeerSnapshot& from, session::SessionLink& link, restart::Inherited& sockets);
  IncomingPolicy policy() {
    return {self_,          place_,     udp_,     keys_,    replays_, publisher_,
            udp_publisher_, datagrams_, accepts_, senders_, pool_,    pool_file_};
  }
  Publisher& publisher(Protocol protocol);
  void publish(Protocol protocol);
  void open_direct_port();
  void ask_gateway();
  void suspect_connections();
  void tell_place_changed();
  void learn_place();
  void learn_udp_place();
  void make_service_path();
  void answer_direct(std::unique_ptr<loop::BytePipe> pipe, ByteVector received, PeerWay way);
  void tell_expected();
  std::string status_line() const;
  Way why_address(const IpAddress& address, Destinations::Steps& steps) const;

  AgentConfig config_;
  OwnEndpoint self_;
  Listener& listener_;
  OwnPlace place_;
  UdpPlace udp_;
  UdpBehaviour udp_behaviour_;
  UdpMapping udp_mapping_;
  UdpWitness udp_witness_;
  ProxyUdp proxy_udp_;
  PeerKeys keys_;
  ReplayFloors replays_;
  resolver::AddressPool pool_;
  PoolFile pool_file_;
  Publisher publisher_, udp_publisher_;
  PublishConsent consent_;
  std::optional<ListenerFile> listener_file_;
  Destinations destinations_;
  // Below: each may borrow those above it, streams before the sessions that carry them.
  Uplink uplink_;
  session::SessionLink* uplink_session_ = nullptr;  // of uplink_
  std::optional<UdpPath> service_path_;             // of that one, once there are servers
  UserProxies user_proxies_;
  PeerSessions peers_;
  resolver::DnsClient local_names_;  // for direct attempts
  NameDesk names_;
  std::optional<DnsDesk> dns_;
  AcceptDesk accepts_;
  SenderDesk senders_;
  std::list<std::unique_ptr<IncomingSession>> incoming_;
  DirectListener direct_;
  InboundTrials trials_;
  portmap::PortMapper mapper_, mapper_six_;
  std::unordered_map<ProgramConnect*, std::unique_ptr<ProgramConnect>> connects_;
  flow::FlowList flows_;
  DatagramPorts datagrams_;
  flow::DatagramFlows hosted_calls_;
  DirectFlows direct_flows_;
  ShimGate gate_;
  SystemWide wide_;
  std::unique_ptr<SystemWideGate> wide_gate_;
  loop::NetworkWatch network_;
  loop::Timer timer_;
  std::optional<TimePoint> leave_at_, goodbye_until_;
  bool stopping_ = false, publishing_ = false;
};

}  // namespace culvert::agent
