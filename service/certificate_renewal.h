// service/certificate_renewal.h: one endpoint's name certificate anew, before it ends: without that
// every machine of an installation falls off a year after its enrolment. The endpoint proved its
// key at its login; the record says whether that still holds.
#pragma once
#include "service/login.h"

namespace culvert::service {

class CertificateRenewal final : private StoreCall::Listener {
 public:
  struct Authority {
    Store& store;
    const crypto::SigningKeyPair& signing;
    Duration life;
  };
  class Listener {
   public:
    // Once, from the loop; destroy it.
    virtual void on_renewal_done(CertificateRenewal& renewal,
                                 const Result<ByteVector>& certificate) = 0;

   protected:
    ~Listener() = default;
  };

  // In the last third of `life`. What is malformed is not.
  static bool is_due(Bytes certificate, Duration life, UnixTime now);

  CertificateRenewal(loop::Loop& loop, const Authority& authority, const Principal& principal,
                     UnixTime now, Listener& listener);
  const Principal& principal() const { return principal_; }

 private:
  void on_store_answer(StoreCall& call) override;
  Result<void> sign_and_commit();

  Authority authority_;
  Principal principal_;
  UnixTime now_;
  Listener& listener_;
  StoreCall call_;
  std::optional<ByteVector> signed_;  // and being committed
};

}  // namespace culvert::service
