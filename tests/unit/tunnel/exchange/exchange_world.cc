#include "exchange_world.h"

namespace culvert::exchange {

struct World::Link final : ServerConnection::Listener {
  Link(World& world, LaneId lane)
      : id(lane),
        service(world, world.random, *this),
        gate(world.box.asks, world.box.gate_closes) {}
  void on_output() override {}

  LaneId id;
  ServerConnection service;
  Gate gate;
  ByteQueue request, answer;  // held back
  std::optional<ResponseHead> head;
  BodyReader body;
  TimePoint up_at{}, down_at{};
  Tail tail_up{/*requests=*/true}, tail_down{/*requests=*/false};
  // Between the middlebox and the service, with Middlebox::dials.
  ByteQueue far, stored;
  std::uint64_t body_left = 0;
  std::size_t congestion_window = 0, flying = 0;
  TimePoint far_open_at{};
  bool dead = false;
};

World::World(std::uint64_t seed, Middlebox a_box, Capabilities known)
    : box(a_box), random(seed), identity_(crypto::KeyPair::generate(random)) {
  Client::Options options;
  options.authority = "service.example.net:80";
  options.through_proxy = true;
  options.service = identity_.public_key;
  options.known = known;
  if (box.asks != Asks::kNobody) {
    login_ = std::make_shared<KnowsTheWord>(box.asks, box.wrong_word);
    options.login = login_;
  }
  client_ = std::move(*Client::make(std::move(options), random, now_));
}

World::~World() = default;

Directory::Found World::find(const ExchangeTarget& target) {
  Found found;
  if (const auto known = servers_.find(target.exchange); known != servers_.end()) {
    auto token = known->second->keys().open_token(target.token);
    auto request = token ? decode_request(token->text) : std::nullopt;
    if (!request) return found;
    ++requests_;
    found.server = known->second.get();
    found.token = std::move(*token);
    found.request = std::move(*request);
    return found;
  }
  auto keys = ExchangeKeys::of_service(identity_, target.exchange);
  if (!keys) return found;
  auto token = keys->open_token(target.token);
  auto request = token ? decode_request(token->text) : std::nullopt;
  if (!request) return found;
  ++requests_;
  found.token = std::move(*token);
  found.request = std::move(*request);
  if (!found.request.opens) {
    found.keys = std::move(*keys);
    return found;
  }
  auto server = std::make_unique<Server>(std::move(*keys), now_);
  server->admit();
  found.server = server.get();
  servers_.emplace(target.exchange, std::move(server));
  return found;
}

void World::die(Link& link) {
  if (link.dead) return;
  link.dead = true;
  const auto id = link.id;
  at(now_ + box.delay, [this, id] { client_->lane_ended(id, "connection reset", now_); });
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  if (!box.notices_leavers) ghosts_.push_back(found->second);
  links_.erase(found);
}

void World::kill_connections() {
  while (!links_.empty()) die(*links_.begin()->second);
}

void World::feed(Link& link, Bytes octets) {
  while (!octets.empty()) {
    const auto count = std::min<std::size_t>(octets.size(), 1 + random.below(box.cut));
    link.service.receive(octets.first(count), now_);
    octets = octets.subspan(count);
  }
}

void World::pass_tail(const std::shared_ptr<Link>& link, Bytes octets, bool up) {
  if (link->dead || octets.empty()) return;
  up ? reached_gate(link, octets) : reached_client(*link, octets);
}

void World::reached_tail(const std::shared_ptr<Link>& link, Bytes octets, bool up) {
  if (box.packet == 0) return pass_tail(link, octets, up);
  auto& tail = up ? link->tail_up : link->tail_down;
  pass_tail(link, tail.hear(octets, box.packet), up);
  if (!tail.waits() || std::exchange(tail.timed, true)) return;
  at(now_ + milliseconds{200}, [this, link, up, &tail] {
    tail.timed = false;
    pass_tail(link, tail.flush(), up);
  });
}

// As near to the client as the middlebox: what it answers is there at once.
void World::reached_gate(const std::shared_ptr<Link>& link, Bytes octets) {
  if (box.asks == Asks::kNobody) return reached_service(*link, octets);
  bool ended = false;
  const auto before = link->gate.refusals();
  const auto answer = link->gate.hear(
      octets, [&](Bytes some) { reached_service(*link, some); }, ended);
  refusals_ += link->gate.refusals() - before;
  if (!answer.empty()) {
    const auto said = as_bytes(answer);
    client_->receive(link->id, said, now_);
  }
  if (ended) die(*link);
}

// The near side takes no time. A request that has to be whole waits here, not at the far end.
void World::reached_box(const std::shared_ptr<Link>& link, Bytes octets) {
  link->stored.append(octets);
  while (!link->stored.empty()) {
    if (link->body_left == 0) {
      const auto head = read_request_head(link->stored.peek());
      if (!head || !*head) return;
      const auto body = (*head)->body.length;
      if (box.holds_requests && link->stored.size() < (*head)->size + body) return;
      link->body_left = (*head)->size + body;
      link->congestion_window = 14'480;
      link->far_open_at = now_ + 2 * box.delay;
      at(link->far_open_at, [this, link] { send_far(link); });
    }
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(link->body_left, link->stored.size()));
    link->far.append(link->stored.peek().first(count));
    link->stored.pop(count);
    link->body_left -= count;
  }
  send_far(link);
}

void World::send_far(const std::shared_ptr<Link>& link) {
  while (!link->far.empty() && link->flying < link->congestion_window &&
         now_ >= link->far_open_at) {
    const auto some = link->far.peek().first(
        std::min<std::size_t>({link->far.size(), link->congestion_window - link->flying, 16'384}));
    const auto count = some.size();
    link->flying += count;
    far_way_free_ = std::max(far_way_free_, now_);
    if (box.rate != 0) far_way_free_ += milliseconds{1} * count / box.rate;
    at(far_way_free_ + box.delay, [this, link, copy = ByteVector(some.begin(), some.end())] {
      if (!link->dead) feed(*link, copy);
    });
    at(far_way_free_ + 2 * box.delay, [this, link, count] {
      link->congestion_window += count;
      link->flying -= count;
      send_far(link);
    });
    link->far.pop(count);
  }
}

void World::reached_service(Link& link, Bytes octets) {
  if (!box.holds_requests) return feed(link, octets);
  link.request.append(octets);
  while (true) {
    const auto head = read_request_head(link.request.peek());
    if (!head || !*head) return;
    const auto size = (*head)->size + static_cast<std::size_t>((*head)->body.length);
    if (link.request.size() < size) return;
    const ByteVector whole(link.request.peek().begin(),
                           link.request.peek().begin() + static_cast<std::ptrdiff_t>(size));
    link.request.pop(size);
    feed(link, whole);
    if (!random.one_in(box.repeats)) continue;
    auto again = std::make_shared<Link>(*this, 0);
    ghosts_.push_back(again);
    feed(*again, whole);
  }
}

void World::reached_client(Link& link, Bytes octets) {
  const auto pass = [&](Bytes some) {
    while (!some.empty()) {
      const auto count = std::min<std::size_t>(some.size(), 1 + random.below(box.cut));
      client_->receive(link.id, some.first(count), now_);
      some = some.subspan(count);
    }
  };
  if (!box.holds_answers && !box.closes) return pass(octets);
  link.answer.append(octets);
  if (!link.head) {
    const auto head = read_response_head(link.answer.peek());
    if (!head || !*head) return;
    link.head = **head;
    link.body = BodyReader(link.head->body);
    auto rest = link.answer.peek().subspan(link.head->size);
    while (!rest.empty() && !link.body.complete()) {
      const auto step = link.body.step(rest);
      rest = rest.subspan(step->taken);
    }
  } else {
    auto rest = octets;
    while (!rest.empty() && !link.body.complete()) {
      const auto step = link.body.step(rest);
      rest = rest.subspan(step->taken);
    }
  }
  if (box.holds_answers && !link.body.complete()) return;
  const ByteVector all(link.answer.peek().begin(), link.answer.peek().end());
  link.answer.pop(all.size());
  const bool complete = link.body.complete();
  if (complete) link.head.reset();
  pass(all);
  if (complete && box.closes) die(link);
}

void World::move_ends() {
  auto put = [&](ByteVector& from, auto& end, bool ends, bool& ended) {
    const auto count = end.write(from);
    from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count));
    if (from.empty() && ends && !std::exchange(ended, true)) end.end_writing();
  };
  auto get = [&](auto& end, ByteVector& into) {
    const auto some = end.readable();
    append(into, some);
    end.consumed(some.size());
  };
  if (!client_->failure()) put(to_service, *client_, ends_client, ended_client_);
  get(*client_, at_client);
  if (auto* const one = server(); one != nullptr) {
    if (!one->failure()) put(to_client, *one, ends_service, ended_service_);
    get(*one, at_service);
    one->pump(now_);
  }
  client_->pump(now_);
}

bool World::move_links() {
  bool moved = false;
  for (auto count = client_->lanes_to_dial(); count != 0; --count) {
    client_->dialling();
    at(now_ + box.delay / 4, [this] {
      if (refuses_) return client_->dial_failed({ErrorCode::kRefused, "refused"}, now_);
      if (links_.size() >= box.most_connections) {
        at(now_ + box.silence, [this] {
          client_->dial_failed({ErrorCode::kRefused, "one connection too many"}, now_);
        });
        return;
      }
      const auto lane = next_lane_++;
      links_.emplace(lane, std::make_shared<Link>(*this, lane));
      most_connections_ = std::max(most_connections_, links_.size());
      client_->dialled(lane, now_);
    });
  }
  for (const auto lane : client_->take_closed()) {
    const auto found = links_.find(lane);
    if (found == links_.end()) continue;
    if (!box.notices_leavers) ghosts_.push_back(found->second);
    links_.erase(found);
  }
  std::vector<std::shared_ptr<Link>> all;
  for (const auto& [id, link] : links_) all.push_back(link);
  for (const auto& link : all) {
    while (!link->dead && !client_->pending_output(link->id).empty()) {
      const auto out = client_->pending_output(link->id);
      const auto count = std::min<std::size_t>(out.size(), 1 + random.below(box.cut));
      ByteVector some(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
      client_->output_sent(link->id, count, now_);
      octets_up_ += count;
      moved = true;
      if (random.one_in(box.dies)) die(*link);
      if (box.dials) {
        reached_box(link, some);
        continue;
      }
      link->up_at = std::max(link->up_at, now_ + box.delay);
      at(link->up_at, [this, link, some = std::move(some)] {
        if (!link->dead) reached_tail(link, some, /*up=*/true);
      });
    }
    while (!link->dead && !link->service.pending_output().empty()) {
      const auto out = link->service.pending_output();
      const auto count = std::min<std::size_t>(out.size(), 1 + random.below(box.cut));
      ByteVector some(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
      link->service.output_sent(count, now_);
      moved = true;
      if (random.one_in(box.dies)) die(*link);
      link->down_at = std::max(link->down_at, now_ + box.delay);
      at(link->down_at, [this, link, some = std::move(some)] {
        if (!link->dead) reached_tail(link, some, /*up=*/false);
      });
    }
  }
  for (const auto& ghost : ghosts_)
    while (!ghost->service.pending_output().empty())
      ghost->service.output_sent(ghost->service.pending_output().size(), now_);
  std::erase_if(ghosts_, [](const auto& ghost) { return ghost->service.idle(); });
  return moved;
}

bool World::run(const std::function<bool()>& done, Duration most) {
  const auto end = now_ + most;
  for (int turn = 0; turn < 2'000'000; ++turn) {
    do move_ends();
    while (move_links());
    if (done()) return true;
    auto next = end;
    if (!events_.empty()) next = std::min(next, events_.begin()->first);
    if (const auto due = client_->next_deadline()) next = std::min(next, *due);
    for (const auto& [key, one] : servers_)
      if (const auto due = one->next_deadline()) next = std::min(next, *due);
    now_ = std::max(now_, next);
    if (now_ >= end) return false;
    while (!events_.empty() && events_.begin()->first <= now_) {
      const auto what = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      what();
    }
    client_->tick(now_);
    for (const auto& [key, one] : servers_) one->tick(now_);
  }
  ADD_FAILURE() << "the world does not come to rest";
  return false;
}

}  // namespace culvert::exchange
