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

namespace culvert::agent {

class NameDesk {
 public:
  static constexpr std::size_t kMostWaiting = 4096;

  NameDesk(const AccessPolicy& access, Destinations& destinations, resolver::DnsClient& local_names,
           Uplink& uplink, PeerKeys& keys, resolver::AddressPool& pool, PoolFile& pool_file);
  ~NameDesk();

  void ask(std::unique_ptr<NameInquiry> inquiry);
  void ask(std::unique_ptr<AddressQuestion> question);

 private:
  class Wait;  // one question that the service, or this machine's resolver, has to answer
  void ask_service(Wait& wait);
  void finish(Wait& wait, const Result<ByteVector>& answer);
  Result<void> accept(const std::string& name, Bytes certificate, UnixTime now);

  const AccessPolicy& access_;
  Destinations& destinations_;
  resolver::DnsClient& local_names_;
  Uplink& uplink_;
  PeerKeys& keys_;
  resolver::AddressPool& pool_;
  PoolFile& pool_file_;
  std::list<std::unique_ptr<Wait>> waits_;
};

}  // namespace culvert::agent
