// service/enrolment.h: turns an invitation into a name certificate, once (S13).
//
// Reads what it needs, decides, and commits everything in one transaction whose conditions are
// what it has read: of several that use one invitation at the same time, also in different
// processes, exactly one commits.
#pragma once
#include "service/login.h"

namespace culvert::service {

class Enrolment final : private StoreCall::Listener {
 public:
  struct Authority {
    Store& store;
    const crypto::SigningKeyPair& signing;
    const std::string& domain;
    Duration certificate_life;
  };
  class Listener {
   public:
    // With the new certificate. Once; may destroy it.
    virtual void on_enrolled(Enrolment& enrolment, Result<Principal> outcome) = 0;

   protected:
    ~Listener() = default;
  };

  Enrolment(loop::Loop& loop, const Authority& authority, const crypto::PublicKey& caller,
            const control::Hello& hello, UnixTime now, Listener& listener);

 private:
  void on_store_answer(StoreCall& call) override;
  Result<void> ask(const control::Hello& hello);
  Result<void> decide_and_commit();

  Authority authority_;
  Listener& listener_;
  UnixTime now_;
  std::string invitation_;  // its key in the store
  Principal principal_;
  Result<void> refusal_;
  bool committing_ = false;
  StoreCall call_;
};

// Full name of an endpoint from what a person typed: "web.site" and "web.site.example.net" both
// mean the latter. kBadInput with the rule that is broken.
Result<std::string> full_name(std::string_view text, std::string_view domain);

}  // namespace culvert::service
