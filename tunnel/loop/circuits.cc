#include "tunnel/loop/circuits.h"

#include <algorithm>

namespace culvert::loop {

// The circuits of one loop; all of it runs in that loop's thread.
class Circuits::Host final : private Circuit::Listener {
 public:
  // `report` is told of each that has ended.
  using Report = std::function<void(Id, const Outcome&)>;
  Host(Loop& loop, std::size_t most_pipes, Report report)
      : loop_(loop), report_(std::move(report)), pipes_(SplicePipe::kCapacity, most_pipes) {}

  Loop& loop() { return loop_; }
  void join(Id id, Circuit::Leg a, Circuit::Leg b) {
    auto circuit = std::make_unique<Circuit>(std::move(a), std::move(b), &pipes_,
                                             static_cast<Circuit::Listener&>(*this));
    ids_.emplace(circuit.get(), id);
    circuits_.emplace(id, std::move(circuit));
  }
  void abort(Id id) {
    const auto found = circuits_.find(id);
    if (found == circuits_.end()) return;  // it has ended meanwhile
    found->second->abort();
    on_circuit_ended(*found->second);
  }
  void clear() {
    ids_.clear();
    circuits_.clear();
  }

 private:
  void on_circuit_ended(Circuit& circuit) override {
    const auto id = ids_.extract(&circuit).mapped();
    report_(id, {circuit.octets(), circuit.octets_spliced()});
    circuits_.erase(id);
  }

  Loop& loop_;
  const Report report_;
  SplicePipePool pipes_;  // before the circuits that hold some of them
  std::unordered_map<Id, std::unique_ptr<Circuit>> circuits_;
  std::unordered_map<const Circuit*, Id> ids_;
};

Circuits::Circuits(Loop& loop, const LoopThreads& threads, Listener& listener)
    : mailbox_(loop), listener_(listener) {
  const auto pipes = SplicePipePool::kMost / std::max<std::size_t>(threads.size(), 1);
  const auto report = [this](Id id, const Outcome& outcome) {
    mailbox_.post([this, id, outcome] { ended(id, outcome); });
  };
  here_ = std::make_unique<Host>(loop, pipes, report);
  for (std::size_t i = 0; i < threads.size(); ++i)
    threads_.push_back({&threads[i], std::make_unique<Host>(threads[i].loop(), pipes, report)});
}

Circuits::~Circuits() = default;

Circuits::Thread* Circuits::least_busy() {
  const auto found = std::ranges::min_element(threads_, {}, &Thread::circuits);
  return found == threads_.end() ? nullptr : &*found;
}

Circuits::Id Circuits::join(Circuit::Leg a, Circuit::Leg b) {
  const auto id = ++last_;
  auto* const thread = a.pipe->can_move() && b.pipe->can_move() ? least_busy() : nullptr;
  if (thread == nullptr) {
    places_.emplace(id, Place{here_.get(), nullptr});
    here_->join(id, std::move(a), std::move(b));
    return id;
  }
  ++thread->circuits;
  auto& host = *thread->host;
  places_.emplace(id, Place{&host, thread});
  for (auto* const leg : {&a, &b}) leg->pipe->leave_loop();
  thread->thread->post([&host, id, a = std::move(a), b = std::move(b)]() mutable {
    for (auto* const leg : {&a, &b}) leg->pipe->enter_loop(host.loop());
    host.join(id, std::move(a), std::move(b));
  });
  return id;
}

void Circuits::abort(Id circuit) {
  const auto found = places_.find(circuit);
  if (found == places_.end()) return;
  auto& host = *found->second.host;
  auto* const thread = found->second.thread;
  if (thread == nullptr)
    host.abort(circuit);
  else
    thread->thread->post([&host, circuit] { host.abort(circuit); });
}

void Circuits::ended(Id circuit, const Outcome& outcome) {
  const auto place = places_.extract(circuit);
  if (place.empty()) return;  // clear() was called meanwhile
  if (auto* const thread = place.mapped().thread; thread != nullptr) --thread->circuits;
  listener_.on_circuit_ended(circuit, outcome);
}

void Circuits::clear() {
  places_.clear();
  here_->clear();
  for (auto& thread : threads_) {
    thread.circuits = 0;
    thread.thread->post([&host = *thread.host] { host.clear(); });
  }
}

}  // namespace culvert::loop
