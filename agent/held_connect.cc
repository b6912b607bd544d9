#include "agent/held_connect.h"

#include "agent/pending_connect.h"

namespace culvert::agent {

HeldConnect::HeldConnect(PendingConnect& pending)
    : pending_(&pending),
      to_(pending.to()),
      asker_(pending.asker()),
      cookie_(pending.cookie()),
      port_(pending.port()) {
  pending.set_handle(this);
}

HeldConnect::~HeldConnect() { fail(ErrorCode::kNetworkUnreachable); }

void HeldConnect::complete() {
  if (pending_ != nullptr) pending_->complete();
}

void HeldConnect::fail(ErrorCode code) {
  if (auto* pending = std::exchange(pending_, nullptr)) pending->fail(code);
}

}  // namespace culvert::agent
