// service/succession.h: takes over what an earlier process left: judges every endpoint again, as
// at a login (its certificate, and what the store says by now: S10), then lets its session go on.
#pragma once
#include <optional>

#include "service/sessions.h"

namespace culvert::service {

class Succession final : private StoreCall::Listener {
 public:
  struct Authority {
    Store& store;
    crypto::SignaturePublicKey signer;
    const std::string& domain;
  };
  class Listener {
   public:
    virtual void on_succeeded() = 0;  // whatever has become of it

   protected:
    ~Listener() = default;
  };

  Succession(loop::Loop& loop, const Authority& authority, Sessions& sessions, Listener& listener)
      : authority_(authority), sessions_(sessions), listener_(listener), call_(loop, *this) {}

  // Both may hold nothing.
  void begin(std::vector<ClientSnapshot> clients, restart::Inherited sockets);

 private:
  void on_store_answer(StoreCall& call) override;
  Result<Principal> judge(const Principal& principal) const;

  Authority authority_;
  Sessions& sessions_;
  Listener& listener_;
  StoreCall call_;
  std::vector<ClientSnapshot> clients_;
  restart::Inherited sockets_;
};

}  // namespace culvert::service
