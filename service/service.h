// service/service.h: puts the parts together; nothing is decided here.
#pragma once
#include "service/discovery.h"
#include "service/media_door.h"
#include "service/public_name.h"
#include "service/reception.h"
#include "service/service_key.h"
#include "service/store_sqlite.h"
#include "service/succession.h"
#include "tunnel/loop/signals.h"
#include "tunnel/restart/descriptor_store.h"

namespace culvert::service {

// What is on the disk; `invite` and its like need no more.
struct State {
  Config config;
  ServiceKey key;
  std::unique_ptr<SqliteStore> store;

  static Result<State> open(loop::Loop& loop, Config config, Random& random);
};

class Service final : private ReplayFloors::Listener,
                      private Sessions::Listener,
                      private Succession::Listener,
                      private PublicName::Listener,
                      private loop::Timer::Listener {
 public:
  static constexpr Duration kRefresh = std::chrono::seconds{10};  // own addresses, status line

  class Listener {
   public:
    virtual void on_ready(const std::vector<SocketAddress>& addresses) = 0;
    // After stop(), or because it could not start; may destroy it.
    virtual void on_stopped(const Result<void>& why) = 0;

   protected:
    ~Listener() = default;
  };

  // `dns`: tests name their own servers.
  Service(loop::Loop& loop, State state, carrier::TlsServerContext tls, Random& random,
          Listener& listener, resolver::DnsClient::Options dns = {});
  ~Service();
  void start(restart::Estate estate = {});  // of an earlier process
  void stop(const std::string& reason);     // says goodbye to all sessions first
  // For the next process, and then nothing may run any more: destroy it. Says no goodbye.
  ByteVector hand_over(restart::Outgoing& out);

  std::size_t session_count() const { return sessions_.count(); }
  std::size_t circuit_count() const { return relay_.circuit_count(); }
  std::vector<SocketAddress> media_addresses() const { return media_door_.addresses(); }

 private:
  void on_floors_loaded(Result<void> outcome) override;
  void on_succeeded() override;
  void on_access_lost(const std::string& name) override { relay_.drop(name); }
  void on_all_sessions_ended() override;
  void on_timer(loop::Timer& timer) override;
  void on_public_name_resolved() override { set_own(); }
  void refresh();
  void set_own();
  Result<void> start_threads();
  void take_over();

  // Whose sessions and circuits are elsewhere in the list stops them first.
  loop::Mailbox mailbox_;
  loop::LoopThreads threads_;
  Listener& listener_;
  State state_;
  carrier::TlsServerContext tls_;
  const resolver::DnsClient::Options dns_;
  ReplayFloors floors_;
  Directory directory_;
  PathPackets path_packets_;
  AddressProver prover_;
  Sessions sessions_;
  Relay relay_;
  Reception reception_;
  FrontDoor front_door_;
  MediaDoor media_door_;
  Discovery discovery_;
  PublicName public_name_;
  restart::Estate estate_;
  std::vector<UniqueFd> adopted_;  // listening, of an earlier process
  std::vector<SocketAddress> to_listen_;
  Succession succession_;
  loop::Timer timer_;
};

}  // namespace culvert::service
