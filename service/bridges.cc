#include "service/bridges.h"

#include <sys/socket.h>

#include "tunnel/loop/forwarding_pipe.h"

namespace culvert::service {

class Bridges::FarEnd final : public loop::ForwardingPipe {
 public:
  FarEnd(loop::Loop& loop, UniqueFd socket, int bulk_round_trips, loop::Remote<Bridges> bridges,
         Id id)
      : ForwardingPipe(std::make_unique<loop::TcpSocket>(loop, std::move(socket))),
        bulk_round_trips_(bulk_round_trips),
        bridges_(std::move(bridges)),
        id_(id) {}
  // An end alone does not show the carrier that nobody will read any more.
  ~FarEnd() override {
    bridges_.post([id = id_](Bridges& bridges) { bridges.let_go(id); });
  }
  int bulk_round_trips() const override { return bulk_round_trips_; }
  bool stranded() const override { return false; }
  void allow_fragments() override {}

 private:
  int bulk_round_trips_;
  loop::Remote<Bridges> bridges_;
  Id id_;
};

Bridges::Bridges(loop::Loop& loop, loop::Mailbox& mailbox)
    : loop_(loop), self_(*this, mailbox), timer_(loop, *this) {}

Bridges::~Bridges() { self_.forget(); }

std::unique_ptr<loop::BytePipe> Bridges::cross(std::unique_ptr<loop::BytePipe> carrier) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return nullptr;
  UniqueFd near(ends[0]), far(ends[1]);
  const auto id = ++last_;
  auto end =
      std::make_unique<FarEnd>(loop_, std::move(far), carrier->bulk_round_trips(), self_, id);
  auto circuit = std::make_unique<loop::Circuit>(
      loop::Circuit::Leg{std::move(carrier), {}},
      loop::Circuit::Leg{std::make_unique<loop::TcpSocket>(loop_, std::move(near)), {}}, nullptr,
      static_cast<loop::Circuit::Listener&>(*this));
  ids_.emplace(circuit.get(), id);
  circuits_.emplace(id, std::move(circuit));
  return end;
}

void Bridges::on_circuit_ended(loop::Circuit& circuit) {
  circuits_.erase(ids_.extract(&circuit).mapped());
}

void Bridges::let_go(Id id) {
  if (!circuits_.contains(id)) return;
  leaving_.push_back({id, loop_.now() + kLinger});
  if (!timer_.running()) timer_.start(kLinger);
}

void Bridges::on_timer(loop::Timer&) {
  const auto now = loop_.now();
  for (; !leaving_.empty() && leaving_.front().until <= now; leaving_.pop_front()) {
    const auto found = circuits_.find(leaving_.front().id);
    if (found == circuits_.end()) continue;
    found->second->abort();
    ids_.erase(found->second.get());
    circuits_.erase(found);
  }
  if (!leaving_.empty()) timer_.start(leaving_.front().until - now);
}

}  // namespace culvert::service
