// service/client_link.h: one endpoint's session at the service: what it publishes, asks and has
// forwarded. Everything it may do follows from the Principal of its login (S9, S10).
//
// Lives on one loop, whichever; others find it in the directory.
#pragma once
#include <memory>
#include <unordered_map>

#include "service/address_prover.h"
#include "service/client_path.h"
#include "service/conference.h"
#include "service/config.h"
#include "service/directory.h"
#include "service/forward.h"
#include "service/inbound_trial.h"
#include "service/line_budget.h"
#include "service/login.h"
#include "service/media_door.h"
#include "service/ordinary_lookup.h"
#include "service/packet_relay.h"
#include "service/snapshot.h"
#include "service/udp_forward.h"
#include "tunnel/flow/datagram_flow.h"
#include "tunnel/flow/flow_list.h"
#include "tunnel/flow/media_flow.h"

namespace culvert::service {

class ClientLink final : private session::SessionLink::Listener,
                         private Forward::Listener,
                         private UdpForward::Listener,
                         private flow::MediaFlow::Listener,
                         private ConferenceMember::Listener,
                         private ClientPath::Listener,
                         private PacketRelayMember::Listener,
                         private InboundTrial::Listener,
                         private OrdinaryLookup::Listener {
 public:
  using Id = std::uint64_t;
  class Listener {
   public:
    virtual void on_client_down(ClientLink& client, const Error& why) = 0;  // may destroy it

   protected:
    ~Listener() = default;
  };
  struct Context {
    loop::Loop& loop;
    loop::Mailbox& mailbox;  // of this loop
    resolver::DnsClient& dns;
    const Guard& guard;
    const Config& config;
    Directory& directory;
    Conferences& conferences;
    PathPackets& path_packets;
    const AddressProver& prover;
    PacketRelays& packet_relays;
  };

  static constexpr int kMostStatements = 8;  // of addresses, in
  static constexpr std::chrono::seconds kStatementsIn{10};

  // `context` outlives it. `id`: its owner's; `place`: this session's, in the directory.
  ClientLink(const Context& context, Id id, const Principal& principal,
             const control::SessionName& session, Directory::Place place,
             session::FreshCarrier carrier, Listener& listener);
  // Of an earlier process, without a carrier.
  ClientLink(const Context& context, Id id, ClientSnapshot from, Directory::Place place,
             restart::Inherited& sockets, Listener& listener);
  ~ClientLink();
  // Nothing may run on it afterwards.
  ClientSnapshot take_snapshot(restart::Outgoing& out);

  Id id() const { return id_; }
  const std::string& name() const { return name_; }
  void resume(session::FreshCarrier carrier);
  void attach_lane(session::FreshCarrier carrier) { link_.attach_lane(std::move(carrier)); }
  void send(const control::Message& message) { link_.send(message); }
  void close(const std::string& reason);  // on_client_down() follows
  void take_media_caller(MediaCaller caller);

 private:
  void on_session_up(session::SessionLink&) override {}
  void on_stream_opened(session::SessionLink& link, mux::StreamId stream,
                        const control::Target& target) override;
  void on_control(session::SessionLink& link, const control::Message& message) override;
  void on_session_down(session::SessionLink& link, const Error& why) override;
  void on_forward_connected(Forward& forward, UniqueFd destination) override;
  void on_carrier_lost(session::SessionLink& link, const Error& why) override;
  void on_forward_ended(Forward& forward) override { forwards_.erase(&forward); }
  void on_udp_forward_ready(UdpForward& forward, UniqueFd destination) override;
  void on_udp_forward_ended(UdpForward& forward) override { udp_forwards_.erase(&forward); }
  void on_media_flow_ended(flow::MediaFlow& flow, const Error& why) override;
  void on_conference_left(ConferenceMember& member) override;
  void on_client_path_changed() override;
  void on_packet_relay_left(PacketRelayMember& member) override { relays_.erase(&member); }
  bool is_reached_by_udp() const override { return path_ != nullptr && path_->up(); }
  void on_lookup_done(OrdinaryLookup& lookup, const control::Found& found) override;

  void go_on(const ClientSnapshot& from, restart::Inherited& sockets);
  bool may_go_on(int socket) const;
  static flow::DatagramBudget budget(const Config& config);
  void log_media(const char* event, const MediaCaller& caller, const std::string& why);
  std::optional<Error> refusal(const control::Target& target, NamedBy named_by) const;
  void forward(mux::StreamId stream, const control::Target& target, NamedBy named_by,
               bool media_by_tcp = false);
  std::optional<Error> join(mux::StreamId stream, const control::Target& target,
                            const ConferenceConfig& conference);
  std::optional<Error> meet(mux::StreamId stream, const control::Target& target);
  std::optional<Error> call(mux::StreamId stream, const control::Target& target,
                            const GatewayConfig& gateway);
  std::optional<Error> room_for(const control::Target& target) const;
  bool is_gateway(const SocketAddress& destination) const;
  bool may_use_hosted(std::string_view name) const;
  void on_inbound_tried(const control::InboundTried& outcome) override;
  void handle(const control::TryInbound& wish);
  void tell_discovery_servers();
  void refuse_trial(const control::TryInbound& wish, const std::string& why);
  void handle(const control::Publish& publish);
  void handle(const control::PublishUdp& publish);
  void handle(const control::PathOffer& offer);
  void handle(const control::PathSeen& seen);
  void handle(const control::ProveAddress& shown);
  bool may_log() override;
  bool is_published() const { return !ports_.empty() || !udp_ports_.empty(); }
  void tell_published(bool before);
  void handle(const control::Lookup& lookup);
  void look_up_endpoint(const control::Lookup& lookup, const std::string& name, bool again);
  void look_up_ordinary(const control::Lookup& lookup);
  void answer(const control::Lookup& lookup, ErrorCode error, const std::string& detail);

  const Context& context_;
  const Id id_;
  std::string name_;  // of the endpoint, and its key
  crypto::PublicKey key_;
  Directory::Place place_;
  loop::Remote<ClientLink> self_;
  Listener& listener_;
  control::SessionName session_;
  std::vector<std::uint16_t> ports_, udp_ports_;
  std::optional<SocketAddress> seen_;  // where its carrier comes from
  control::Inbound inbound_ = control::Inbound::kUnknown;
  TimePoint next_trial_at_{}, statements_since_{};
  int statements_ = 0;  // since then
  LineBudget lines_;    // of the log, about what it does
  bool closing_ = false;
  session::SessionLink link_;
  // After link_: they use it to the end.
  std::unique_ptr<ClientPath> path_;  // once the endpoint has offered one
  std::unordered_map<Forward*, std::unique_ptr<Forward>> forwards_;
  flow::FlowList flows_;
  flow::DatagramBudget datagram_budget_;
  flow::DatagramFlows datagrams_;
  std::unordered_map<UdpForward*, std::unique_ptr<UdpForward>> udp_forwards_;
  struct Media {
    std::unique_ptr<flow::MediaFlow> flow;
    std::optional<MediaCaller> caller;  // none: the endpoint has called
  };
  flow::DatagramBudget media_budget_;  // what callers may send to the endpoint
  std::unordered_map<flow::MediaFlow*, Media> media_flows_;
  std::unordered_map<ConferenceMember*, std::unique_ptr<ConferenceMember>> memberships_;
  std::unordered_map<PacketRelayMember*, std::unique_ptr<PacketRelayMember>> relays_;
  std::unordered_map<OrdinaryLookup*, std::unique_ptr<OrdinaryLookup>> lookups_;
  std::unique_ptr<InboundTrial> trial_;  // hardly anybody has one at the moment
};

}  // namespace culvert::service
