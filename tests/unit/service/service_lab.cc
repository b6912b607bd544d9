#include "service_lab.h"

#include "service/store_wait.h"
#include "service/tls_files.h"

namespace culvert::service {

ServiceLab::ServiceLab(const std::vector<std::string>& allow, Limits limits,
                       const std::function<void(Config&)>& more)
    : timer_(loop_, *this) {
  config_.domain = "example.net";
  config_.listen = {{IpAddress::v4(0x7f000001), 0}};
  config_.state_directory = directory_.path() / "state";
  config_.limits = limits;
  for (const auto& text : allow) config_.forwarding.allow.push_back(*IpPrefix::parse(text));
  if (more) more(config_);
  log::set_level(log::Level::kError);
  start();
}

ServiceLab::~ServiceLab() { timer_.stop(); }

void ServiceLab::start(restart::Estate estate) {
  at_ = {};
  auto state = State::open(loop_, config_, random_);
  ASSERT_TRUE(state) << state.error().detail;
  auto tls = load_tls(config_, loop::Loop::wall_clock(), random_);
  ASSERT_TRUE(tls) << tls.error().detail;
  key_ = state->key.identity.public_key;
  service_.emplace(loop_, std::move(*state), std::move(*tls), random_,
                   static_cast<Service::Listener&>(*this), names_.options());
  service_->start(std::move(estate));
  ASSERT_TRUE(until([this] { return at_.port != 0; }));
}

void ServiceLab::stop() {
  stopped_ = false;
  service_->stop("the test says so");
  ASSERT_TRUE(until([this] { return stopped_; }));
}

void ServiceLab::restart() {
  stop();
  service_.reset();
  start();
}

void ServiceLab::hand_over(const std::function<void(restart::Estate&)>& meanwhile) {
  restart::Outgoing out;
  restart::Estate estate;
  estate.state = service_->hand_over(out);
  for (const auto* list : {&out.local(), &out.internet()})
    for (const int fd : *list) estate.sockets.add(UniqueFd(::dup(fd)));
  service_.reset();
  if (meanwhile) meanwhile(estate);
  start(std::move(estate));
}

void ServiceLab::on_stopped(const Result<void>& why) {
  EXPECT_TRUE(why) << why.error().detail;
  stopped_ = true;
}

Store& ServiceLab::side_store() {
  if (!side_store_)
    side_store_ = std::move(
        *SqliteStore::open(loop_, std::filesystem::path(config_.state_directory) / "service.db"));
  return *side_store_;
}

EndpointRecord ServiceLab::record_of(const std::string& name) {
  StoreWait answer(loop_);
  side_store().get(answer.call(), {endpoint_key(name)});
  const auto found = answer.wait();
  EXPECT_TRUE(found && found->entries.size() == 1);
  return *decode_endpoint(found->entries.at(0).value);
}

control::EnrolmentSecret ServiceLab::invite(const std::string& name) {
  control::EnrolmentSecret secret;
  random_.fill(secret);
  const auto now = loop::Loop::wall_clock();
  StoreWait answer(loop_);
  side_store().transact(
      answer.call(), {},
      {{invitation_key(secret), encode(InvitationRecord{name, now, now + std::chrono::hours{1}})}});
  EXPECT_TRUE(answer.wait());
  return secret;
}

std::unique_ptr<loop::TcpSocket> ServiceLab::dial() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const auto length = at_.fill(address);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  return std::make_unique<loop::TcpSocket>(loop_, std::move(fd));
}

RawGreeting::RawGreeting(ServiceLab& lab, const crypto::KeyPair& self,
                         const control::Hello& hello) {
  handshake_.emplace(self, lab.key(), lab.random());
  packet_ = *handshake_->start(hello, {});
  send(lab);
}

RawGreeting::RawGreeting(ServiceLab& lab, ByteVector packet) : packet_(std::move(packet)) {
  send(lab);
}

void RawGreeting::send(ServiceLab& lab) {
  socket_ = lab.dial();
  socket_->set_listener(this);
  EXPECT_EQ(socket_->write(packet_).count, packet_.size());
  socket_->set_interest(/*readable=*/true, /*writable=*/false);
}

void RawGreeting::on_readable() {
  std::byte buffer[4096];
  const auto got = socket_->read(buffer);
  append(received_, Bytes{buffer}.first(got.count));
  if (got.state != loop::IoResult::State::kMoved) {
    ended_ = got.state != loop::IoResult::State::kBlocked;
    return socket_->set_interest(false, false);
  }
  if (!handshake_ || answer_) return;
  std::size_t taken = 0;
  auto outcome = handshake_->receive(received_, taken);
  if (outcome && *outcome) answer_ = (*outcome)->answer;
}

TestEndpoint::TestEndpoint(ServiceLab& lab, std::string full_name)
    : name(std::move(full_name)), key(crypto::KeyPair::generate(lab.random())), lab_(lab) {}

control::Hello TestEndpoint::hello(control::Purpose purpose) const {
  control::Hello hello;
  hello.purpose = purpose;
  hello.timestamp = to_unix_nanoseconds(loop::Loop::wall_clock());
  hello.aeads = {static_cast<std::uint8_t>(crypto::AeadAlgorithm::kChaCha20Poly1305)};
  hello.certificate = certificate;
  return hello;
}

control::HelloAnswer TestEndpoint::enrol() {
  auto wanted = hello(control::Purpose::kEnrol);
  wanted.name = name;
  wanted.secret = lab_.invite(name);
  RawGreeting greeting(lab_, key, wanted);
  EXPECT_TRUE(lab_.until([&] { return greeting.answered(); }));
  certificate = greeting.answer().certificate;
  return greeting.answer();
}

session::SessionLink::Initiator TestEndpoint::initiator() const {
  session::SessionLink::Initiator initiator;
  initiator.self = key;
  initiator.peer = lab_.key();
  initiator.hello = hello(control::Purpose::kSession);
  initiator.grace = grace;
  return initiator;
}

void TestEndpoint::connect_by(std::unique_ptr<loop::BytePipe> pipe) {
  up = false;
  down.reset();
  link.emplace(lab_.loop(), std::move(pipe), initiator(),
               static_cast<session::SessionLink::Listener&>(*this));
}

void TestEndpoint::go_on(const session::LinkSnapshot& from) {
  link.emplace(lab_.loop(), from, initiator(), static_cast<session::SessionLink::Listener&>(*this));
  link->attach(stream_, *this);
}

void TestEndpoint::forward(const std::string& host, std::uint16_t port,
                           std::string_view first_bytes) {
  accepted = false;
  reset.reset();
  const auto stream = link->open({control::Target::Kind::kForward, host, port}, *this);
  ASSERT_TRUE(stream);
  stream_ = *stream;
  link->streams().write(stream_, as_bytes(first_bytes));
  link->schedule();
}

void TestEndpoint::write(std::string_view text) {
  link->streams().write(stream_, as_bytes(text));
  link->schedule();
}

void TestEndpoint::on_stream_readable() {
  const auto bytes = link->streams().readable(stream_);
  received += as_text(bytes);
  link->streams().consumed(stream_, bytes.size());
  link->schedule();
}

std::optional<control::Found> TestEndpoint::look_up(control::Lookup::Kind kind,
                                                    const std::string& wanted) {
  messages.clear();
  control::Lookup lookup;
  lookup.query = 7;
  lookup.kind = kind;
  lookup.name = wanted;
  link->send(lookup);
  EXPECT_TRUE(lab_.until([this] { return !messages.empty(); })) << wanted;
  if (messages.empty() || !std::holds_alternative<control::Found>(messages[0])) return std::nullopt;
  return std::get<control::Found>(messages[0]);
}

}  // namespace culvert::service
