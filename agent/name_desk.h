// agent/name_desk.h: answers the names that programs ask for. Names below the service domain are
// virtual and never go anywhere else; ordinary ones are ours only if a forwarding rule says so, and
// exist if the service knows them (or, where direct attempts come first, this machine).
#pragma once
#include <list>
#include <memory>

#include "agent/destinations.h"
#include "agent/peer_keys.h"
#include "agent/pool_file.h"
#include "agent/question.h"
#include "agent/uplink.h"
#include "resolver/recent_answers.h"

namespace culvert::agent {

class NameDesk {
 public:
  class Acquaintances {
   public:
    // This machine itself, or one whose sessions live here: it has its name though nothing is
    // published there, as servers want to see that look up who calls (mariadbd, ircds, libwrap).
    virtual bool is_here(const std::string& name) const = 0;

   protected:
    ~Acquaintances() = default;
  };

  static constexpr std::size_t kMostWaiting = 4096;

  NameDesk(loop::Loop& loop, const AccessPolicy& access, Destinations& destinations,
           resolver::DnsClient& local_names, Uplink& uplink, PeerKeys& keys,
           resolver::AddressPool& pool, PoolFile& pool_file, const Acquaintances& acquaintances);
  ~NameDesk();

  void ask(std::unique_ptr<NameInquiry> inquiry);
  void ask(std::unique_ptr<AddressQuestion> question);
  // The next who asks has to wait for the service: a connect to that name has failed ...
  void forget(const std::string& name) { known_.forget(name); }
  void forget_all() { known_ = {}; }  // ... or the service may say something else by now

 private:
  class Wait;  // one question that the service, or this machine's resolver, has to answer
  void ask_service(Wait& wait);
  void finish(Wait& wait, const Result<ByteVector>& answer);
  Result<void> accept(const std::string& name, Bytes certificate, UnixTime now);

  loop::Loop& loop_;
  const AccessPolicy& access_;
  Destinations& destinations_;
  resolver::DnsClient& local_names_;
  Uplink& uplink_;
  PeerKeys& keys_;
  resolver::AddressPool& pool_;
  PoolFile& pool_file_;
  const Acquaintances& acquaintances_;
  // Whoever was unpublished within that moment is found, and refuses.
  resolver::RecentAnswers<IpAddress> known_;
  std::list<std::unique_ptr<Wait>> waits_;
};

}  // namespace culvert::agent
