// service/login.h: decides whether a caller is the enrolled endpoint that its name certificate
// names. One parse, one principal, one decision (S11): whatever the caller may do later follows
// from the Principal made here, never from what it says afterwards (S9).
#pragma once
#include <string>

#include "service/records.h"
#include "service/store.h"
#include "tunnel/crypto/name_certificate.h"
#include "tunnel/crypto/replay_guard.h"

namespace culvert::service {

struct Principal {
  std::string name;
  crypto::PublicKey key;
  ByteVector certificate;  // as shown and verified
};

// Who a certificate says the caller is, before the store is asked. `caller` was proven by the
// handshake. All errors are kAuthentication, for the caller's user to read.
Result<Principal> judge_certificate(Bytes certificate, const crypto::PublicKey& caller,
                                    const crypto::SignaturePublicKey& signer,
                                    std::string_view domain, UnixTime now);
// ... and whether that is still so.
Result<void> judge_record(const Principal& principal, const EndpointRecord* record);

class Login final : private StoreCall::Listener {
 public:
  struct Authority {
    Store& store;
    crypto::ReplayGuard& replay_guard;
    const crypto::SignaturePublicKey& signer;
    const std::string& domain;
  };
  class Listener {
   public:
    virtual void on_login(Login& login, Result<Principal> outcome) = 0;  // once; may destroy it

   protected:
    ~Listener() = default;
  };

  // Answers from the loop, never from here.
  Login(loop::Loop& loop, const Authority& authority, const crypto::PublicKey& caller,
        const control::Hello& hello, UnixTime now, Listener& listener);

 private:
  void on_store_answer(StoreCall& call) override;
  Result<Principal> decide();

  Authority authority_;
  Listener& listener_;
  Result<Principal> shown_;
  UnixTime now_, sent_;
  StoreCall call_;
};

}  // namespace culvert::service
