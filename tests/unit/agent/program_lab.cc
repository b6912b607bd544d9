#include "tests/unit/agent/program_lab.h"

#include <gtest/gtest.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "resolver/address_pool.h"

namespace culvert::agent::testing {

UniqueFd listen_at(const char* text) {
  const auto at = *SocketAddress::parse(text);
  UniqueFd fd(::socket(at.ip.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const auto length = at.fill(address);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length), 0) << text;
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  return fd;
}

ProgramLab::ProgramLab(const Setting& setting) {
  directory_ = "/tmp/culvert-test-XXXXXX";
  EXPECT_NE(mkdtemp(directory_.data()), nullptr);
  path_ = directory_ + "/agent.sock";
  ShimGate::Options options;
  options.socket_path = path_;
  options.any_user = setting.any_user;
  options.pool = resolver::AddressPool::default_prefix();
  options.domains = setting.domains;
  options.use_raw_socket = setting.raw;
  gate_ = std::make_unique<ShimGate>(loop_, options, static_cast<ShimGate::Handler&>(*this));
  const auto started = gate_->start();
  EXPECT_TRUE(started) << started.error().detail;
  wake_ = loop::make_handle<uv_async_t>(this, uv_async_init, loop_.uv(),
                                        loop::Callback<&ProgramLab::on_wake>::call);
}

ProgramLab::~ProgramLab() {
  waiting.clear();
  kept_question.reset();
  gate_.reset();
  ::rmdir(directory_.c_str());
}

void ProgramLab::run(const std::function<void()>& program) {
  std::thread thread([&] {
    program();
    on_loop([this] { loop_.stop(); });
  });
  loop_.run();
  thread.join();
}

void ProgramLab::on_loop(std::function<void()> what) {
  std::packaged_task<void()> task(std::move(what));
  auto done = task.get_future();
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  uv_async_send(wake_.get());
  done.wait();
}

void ProgramLab::on_wake() {
  std::vector<std::packaged_task<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) task();
}

void ProgramLab::on_name_asked(std::unique_ptr<NameQuestion> asked) {
  if (asked->name() == "web.example.net") return asked->found(IpAddress::v4(0x7f400102));
  if (asked->name() == "gone.example.net") return asked->no_such_name();
  if (asked->name() == "later.example.net") {
    kept_question = std::move(asked);
    return;
  }
  if (asked->name() != "dropped.example.net") asked->not_ours();
}

void ProgramLab::on_address_asked(std::unique_ptr<AddressQuestion> asked) {
  if (asked->address() == IpAddress::v4(0x7f400102)) return asked->found("web.example.net");
  asked->not_ours();
}

void ProgramLab::on_connect(std::unique_ptr<HeldConnect> held) {
  ++announced;
  last_to = held->to();
  const bool wait = plans_[held->to().port].when_released;
  waiting.push_back(std::make_unique<Waiting>(*this, std::move(held)));
  if (!wait) decide(*waiting.back()->held);
}

void ProgramLab::decide(HeldConnect& held) {
  const auto& code = plans_[held.to().port].code;
  if (!code) return held.complete();
  held.fail(*code);
  std::erase_if(waiting, [&](const auto& each) { return each->held.get() == &held; });
}

void ProgramLab::decide_all() {
  std::vector<HeldConnect*> all;
  for (const auto& each : waiting) all.push_back(each->held.get());
  std::reverse(all.begin(), all.end());
  for (auto* held : all) decide(*held);
}

void ProgramLab::forget(Waiting& one) {
  std::erase_if(waiting, [&](const auto& each) { return each.get() == &one; });
}

culvert_question_packet ProgramLab::question(culvert_question kind) {
  culvert_question_packet packet{};
  packet.magic = CULVERT_WIRE_MAGIC;
  packet.version = CULVERT_WIRE_VERSION;
  packet.kind = static_cast<std::uint16_t>(kind);
  return packet;
}

void ProgramLab::put_address(culvert_question_packet& packet, const SocketAddress& address) {
  packet.family = address.ip.is_v4() ? AF_INET : AF_INET6;
  packet.port = address.port;
  std::memcpy(&packet.address[0], address.ip.octets().data(), sizeof packet.address);
}

UniqueFd ProgramLab::reach_gate() const {
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(&address.sun_path[0], path_.data(), path_.size());
  const timeval limit{5, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

void ProgramLab::send_message(Bytes message) const {
  send(reach_gate().get(), message.data(), message.size(), MSG_NOSIGNAL);
}

std::optional<culvert_answer_packet> ProgramLab::ask(const culvert_question_packet& packet,
                                                     UniqueFd* keep_open) const {
  auto fd = reach_gate();
  culvert_answer_packet answer{};
  if (!fd || send(fd.get(), &packet, sizeof packet, MSG_NOSIGNAL) != sizeof packet ||
      recv(fd.get(), &answer, sizeof answer, 0) != sizeof answer)
    return std::nullopt;
  if (keep_open != nullptr) *keep_open = std::move(fd);
  return answer;
}

int ProgramLab::ask_error(std::uint64_t cookie) const {
  auto packet = question(CULVERT_ASK_ERROR);
  packet.cookie = cookie;
  const auto answer = ask(packet);
  return answer && answer->verdict == CULVERT_FOUND ? answer->error : 0;
}

void ProgramLab::tell_connecting(int conversation, const Connecting& connecting) const {
  auto packet = question(CULVERT_TELL_CONNECTING);
  packet.cookie = connecting.cookie;
  put_address(packet, connecting.own);
  send(conversation, &packet, sizeof packet, MSG_NOSIGNAL);
}

namespace {

Connecting make_program_socket(const std::function<void(int fd)>& before) {
  Connecting result;
  result.fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  before(result.fd.get());
  socklen_t length = sizeof result.cookie;
  getsockopt(result.fd.get(), SOL_SOCKET, SO_COOKIE, &result.cookie, &length);
  return result;
}

void start(Connecting& program) {
  sockaddr_storage address{};
  auto length = program.held_at.fill(address);
  const int connected = ::connect(program.fd.get(), reinterpret_cast<sockaddr*>(&address), length);
  program.error = connected == 0 ? 0 : errno;
  length = sizeof address;
  getsockname(program.fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
  program.own = SocketAddress::from(reinterpret_cast<sockaddr*>(&address));
}

}  // namespace

Connecting ProgramLab::connect_again(const SocketAddress& to, const SocketAddress& held_at,
                                     const std::function<void(int fd)>& before) const {
  auto result = make_program_socket(before);
  result.held_at = held_at;
  start(result);
  std::array<culvert_question_packet, 2> both{question(CULVERT_ASK_CONNECT),
                                              question(CULVERT_TELL_CONNECTING)};
  for (auto& packet : both) packet.cookie = result.cookie;
  put_address(both[0], to);
  put_address(both[1], result.own);
  send_message(std::as_bytes(std::span{both}));
  return result;
}

Connecting ProgramLab::connect(const SocketAddress& to, const std::function<void(int fd)>& before,
                               bool tell) const {
  auto result = make_program_socket(before);
  auto packet = question(CULVERT_ASK_CONNECT);
  packet.cookie = result.cookie;
  put_address(packet, to);
  UniqueFd conversation;
  const auto answer = ask(packet, &conversation);
  if (!answer) return result;
  result.verdict = answer->verdict;
  result.flags = answer->flags;
  result.error = answer->error;
  if (answer->verdict != CULVERT_HOLD) return result;
  std::uint32_t held = 0;
  std::memcpy(&held, answer->address, sizeof held);
  result.held_at = {IpAddress::v4(ntohl(held)), answer->port};
  start(result);
  if (tell) tell_connecting(conversation.get(), result);
  return result;
}

}  // namespace culvert::agent::testing
