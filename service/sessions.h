// service/sessions.h: the sessions of all endpoints that are online here: one for each name, the
// newest (S24), on which loop it lives, and what becomes of it. Ends those whose endpoint was
// revoked or enrolled anew meanwhile (S10).
//
// A session goes to the loop that has the fewest, and stays there, whatever carriers it has: those
// come to it. Without threads all are on the owner's loop.
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "service/bridges.h"
#include "service/certificate_renewal.h"
#include "service/client_host.h"
#include "tunnel/loop/loop_thread.h"
#include "tunnel/loop/timer.h"

namespace culvert::service {

class Sessions final : private Store::Watcher,
                       private CertificateRenewal::Listener,
                       private loop::Timer::Listener {
 public:
  static constexpr Duration kLeaveLimit = std::chrono::seconds{3};  // for a goodbye to get out
  static constexpr Duration kRenewals = std::chrono::hours{1};      // are looked for so often

  class Listener {
   public:
    virtual void on_access_lost(const std::string& name) = 0;  // revoked, or its key replaced
    virtual void on_all_sessions_ended() = 0;                  // after close_all()

   protected:
    ~Listener() = default;
  };
  struct Context {
    loop::Loop& loop;
    loop::Mailbox& mailbox;            // of this loop
    const loop::LoopThreads& threads;  // all run, or none
    const resolver::DnsClient::Options& dns;
    const Config& config;
    Store& store;
    const crypto::SigningKeyPair& signing;
    Directory& directory;
    PathPackets& path_packets;
    const AddressProver& prover;
  };

  Sessions(const Context& context, Listener& listener);
  ~Sessions();  // while no thread runs

  // Whether this principal's session of that name is here.
  bool can_resume(const Principal& principal, const control::SessionName& session) {
    return find(principal, session) != nullptr;
  }
  // Takes the place of any other session of this endpoint.
  void adopt(const Principal& principal, const control::SessionName& session,
             const std::string& from, session::FreshCarrier carrier);
  // Where it has gone since can_resume(), the carrier is reset.
  void resume(const Principal& principal, const control::SessionName& session,
              const std::string& from, session::FreshCarrier carrier);
  // Beside the carrier that the session has, if both are still there.
  void attach_lane(const Principal& principal, const control::SessionName& session,
                   session::FreshCarrier carrier);
  void close_all(const std::string& reason);
  // Of an earlier process; whoever calls this has judged the principal. While no thread runs, as
  // take_snapshots(), after which nothing may.
  void go_on(ClientSnapshot from, restart::Inherited& sockets);
  std::vector<ClientSnapshot> take_snapshots(restart::Outgoing& out);

  // As Guard has it.
  void set_own(const std::set<IpAddress>& addresses, const std::set<std::uint16_t>& ports);
  std::size_t count() const { return current_.size(); }

 private:
  struct Place {               // where sessions live
    loop::LoopThread* thread;  // null: the owner's loop
    loop::Mailbox* mailbox;
    std::unique_ptr<ClientHost> host;
    std::size_t sessions = 0;
  };
  struct Seat {
    ClientHost::Id id;
    Place* place;
    crypto::PublicKey key;
    control::SessionName session;
    Directory::Place entry;
  };
  struct Leaving {
    std::string name;
    ClientHost::Id id;
    Place* place;
    TimePoint until;
  };
  using Seats = std::map<std::string, Seat, std::less<>>;

  void on_entry_changed(const StoreEntry& entry, bool removed) override;
  void on_renewal_done(CertificateRenewal& renewal, const Result<ByteVector>& certificate) override;
  void on_timer(loop::Timer& timer) override;
  void add_place(loop::LoopThread* thread, loop::Loop& loop, loop::Mailbox& mailbox);
  template <class Work>
  static void at(Place& place, Work work);
  template <class Work>
  bool at_with(Place& place, session::FreshCarrier carrier, Work work);
  Seat& seat(const Principal& principal, const control::SessionName& session);
  Seat* find(const Principal& principal, const control::SessionName& session);
  void on_ended(ClientHost::Id id, const std::string& name, const Error& why);
  void renew_if_due(const Principal& principal, Seat& seat);
  void renew(Seat& seat, const ByteVector& certificate);
  void end(const std::string& name, const std::string& reason);
  void drop(const Leaving& one);
  void maybe_ended();

  Context context_;
  Listener& listener_;
  Conferences conferences_;
  PacketRelays packet_relays_;
  Bridges bridges_;
  std::vector<std::unique_ptr<Place>> places_;
  ClientHost::Id last_ = 0;
  Seats current_;
  std::vector<Leaving> leaving_;  // said goodbye to
  std::map<std::string, std::unique_ptr<CertificateRenewal>> renewals_;
  // Of the endpoint of this name with this key, until it is due itself.
  std::map<std::string, std::pair<crypto::PublicKey, ByteVector>> renewed_;
  loop::Timer timer_, renewal_timer_;
  bool ending_ = false;
};

}  // namespace culvert::service
