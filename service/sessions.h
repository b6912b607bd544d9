// service/sessions.h: the sessions of all endpoints that are online here: one for each name, the
// newest (S24). Ends those whose endpoint was revoked or enrolled anew meanwhile (S10).
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "service/certificate_renewal.h"
#include "service/client_link.h"
#include "tunnel/loop/timer.h"

namespace culvert::service {

class Sessions final : public Directory,
                       private ClientLink::Listener,
                       private Store::Watcher,
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
    resolver::DnsClient& dns;
    const Guard& guard;
    const Config& config;
    Store& store;
    const crypto::SigningKeyPair& signing;
    PathPackets& path_packets;
    const AddressProver& prover;
  };

  Sessions(const Context& context, Listener& listener);
  ~Sessions();

  // Whether this principal's session of that name is here.
  bool can_resume(const Principal& principal, const control::SessionName& session) const;
  // Takes the place of any other session of this endpoint.
  void adopt(Principal principal, const control::SessionName& session, const std::string& from,
             session::FreshCarrier carrier);
  // false: it has gone since can_resume().
  bool resume(const Principal& principal, const control::SessionName& session,
              const std::string& from, session::FreshCarrier& carrier);
  void close_all(const std::string& reason);
  // Of an earlier process; whoever calls this has judged the principal.
  void go_on(ClientSnapshot from, restart::Inherited& sockets);
  std::vector<ClientSnapshot> take_snapshots(restart::Outgoing& out);  // nothing may run afterwards

  ClientLink* reachable(std::string_view name, std::string_view caller) override;
  std::size_t count() const { return current_.size(); }

 private:
  void on_client_down(ClientLink& client, const Error& why) override;
  void on_entry_changed(const StoreEntry& entry, bool removed) override;
  void on_renewal_done(CertificateRenewal& renewal, const Result<ByteVector>& certificate) override;
  void on_timer(loop::Timer& timer) override;
  void renew_if_due(ClientLink& client);
  ClientLink::Context client_context();
  ClientLink* find(const Principal& principal, const control::SessionName& session) const;
  void end(const std::string& name, const std::string& reason);
  void maybe_ended();

  Context context_;
  Listener& listener_;
  Conferences conferences_;
  PacketRelays packet_relays_;
  std::map<std::string, std::unique_ptr<ClientLink>, std::less<>> current_;
  struct Leaving {
    std::unique_ptr<ClientLink> client;
    TimePoint until;
  };
  std::vector<Leaving> leaving_;  // said goodbye to
  std::map<std::string, std::unique_ptr<CertificateRenewal>> renewals_;
  // Of the endpoint of this name with this key, until it is due itself.
  std::map<std::string, std::pair<crypto::PublicKey, ByteVector>> renewed_;
  loop::Timer timer_, renewal_timer_;
  bool ending_ = false;
};

}  // namespace culvert::service
