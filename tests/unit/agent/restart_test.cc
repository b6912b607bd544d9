// What the agent leaves to its next process.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>

#include "agent/control_socket.h"
#include "agent/lookups.h"
#include "agent/snapshot.h"
#include "tunnel/mux/mux.h"

namespace culvert::agent {
namespace {

session::LinkSnapshot some_link(mux::Role role) {
  session::LinkSnapshot link;
  link.name.fill(std::byte{7});
  mux::Mux mux(role);
  const auto stream = *mux.open(as_bytes("target"));
  mux.write(stream, as_bytes("octets"));
  link.streams = mux.snapshot();
  return link;
}

AgentSnapshot some_state() {
  AgentSnapshot state;
  state.control_socket = 11;
  state.control_inode = 12;
  state.next_query = 13;
  state.uplink = PeerSnapshot{{}, {}, some_link(mux::Role::kInitiator), {{mux::StreamId{1}, 14}}};
  state.peers.push_back({"b.example.net", {}, some_link(mux::Role::kInitiator), {}});
  state.incoming.push_back(
      {"c.example.net", {}, some_link(mux::Role::kResponder), {{mux::StreamId{3}, 15}}});
  state.listeners.push_back({16, {1000, 1001, false, 16}});
  state.listeners.back().program = "/usr/bin/node";
  state.listeners.push_back(
      {18, {1000, 1001}, std::string(kTokenSize, 'a'), {IpAddress::v4(0), 80}});
  state.udp_listeners.push_back({17, {1000, 1002}});
  state.udp_listeners.push_back({19, {1000, 1002}});
  state.udp_listeners.back().kernel_chose = true;
  state.ports.push_back({18, {IpAddress::v4(0x7f400001), 53}, {IpAddress::v4(0x7f400001), 64565}});
  return state;
}

TEST(AgentSnapshot, ComesBackFromItsBytes) {
  const auto bytes = encode(some_state());
  const auto state = decode_agent_snapshot(bytes);
  ASSERT_TRUE(state) << state.error().detail;
  EXPECT_EQ(state->next_query, 13u);
  ASSERT_TRUE(state->uplink && state->uplink->flows.size() == 1);
  EXPECT_EQ(state->uplink->flows[0].socket, 14u);
  EXPECT_EQ(state->peers.at(0).name, "b.example.net");
  EXPECT_EQ(state->incoming.at(0).flows.at(0).socket, 15u);
  EXPECT_EQ(state->listeners.at(0).asker.uid, 1001u);
  EXPECT_EQ(state->listeners.at(0).asker.shown, 16u);
  EXPECT_EQ(state->listeners.at(0).program, "/usr/bin/node");
  EXPECT_EQ(state->listeners.at(0).token, "");
  EXPECT_EQ(state->listeners.at(1).token, std::string(kTokenSize, 'a'));
  EXPECT_EQ(state->listeners.at(1).local, (SocketAddress{IpAddress::v4(0), 80}));
  EXPECT_EQ(state->udp_listeners.at(0).asker.uid, 1002u);
  EXPECT_FALSE(state->udp_listeners.at(0).kernel_chose);
  EXPECT_TRUE(state->udp_listeners.at(1).kernel_chose);
  EXPECT_EQ(state->ports.at(0).bound.port, 64565);
  EXPECT_EQ(encode(*state), bytes);
}

TEST(AgentSnapshot, IsRefusedWhenItIsCutOrOfAnotherVersionOrDaemon) {
  const auto bytes = encode(some_state());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_agent_snapshot(Bytes{bytes}.first(size))) << size;
  for (const std::size_t at : {0u, 5u, 6u}) {
    auto altered = bytes;
    altered[at] ^= std::byte{1};
    EXPECT_FALSE(decode_agent_snapshot(altered)) << at;
  }
}

TEST(AgentLookups, ALateAnswerToTheEarlierProcessAnswersNothingNew) {
  struct Silent final : LookupRequest::Listener {
    void on_looked_up(LookupRequest&, Result<ByteVector>) override { ++told; }
    int told = 0;
  } listener;
  Lookups lookups;
  lookups.number_from(5);
  LookupRequest request(listener);
  ASSERT_TRUE(lookups.ask(control::Lookup::Kind::kOrdinary, "n.test", TimePoint{}, request));
  control::Found late;
  late.query = 4;
  lookups.answered(late);
  EXPECT_EQ(listener.told, 0);
  EXPECT_EQ(lookups.take_unsent().at(0).query, 5u);
}

class ControlHandedOver : public testing::Test, public ControlSocket::Listener {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "culvert-control-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    path_ = name + "/agent.sock";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  UniqueFd ask() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path_.copy(at.sun_path, sizeof at.sun_path - 1);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) fd.reset();
    return fd;
  }
  void on_asker(UniqueFd, const Asker&) override { ++asked_; }

  std::string directory_, path_;
  int asked_ = 0;
};

TEST_F(ControlHandedOver, WhoAsksMeanwhileIsHeardByTheNextProcess) {
  loop::Loop loop;
  UniqueFd passed;
  std::uint64_t inode = 0;
  {
    ControlSocket first(loop, *this);
    ASSERT_TRUE(first.listen(path_, /*any_user=*/false));
    first.pause();
    inode = first.inode();
    passed.reset(::dup(first.pass_on()));
  }
  const auto asker = ask();
  ASSERT_TRUE(asker) << "the socket's file is still there";
  ControlSocket next(loop, *this);
  ASSERT_TRUE(next.adopt(std::move(passed), inode, path_, /*any_user=*/true));
  for (int turn = 0; turn < 1000 && asked_ == 0; ++turn) loop.run_once();
  EXPECT_EQ(asked_, 1);
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0666u) << "as the configuration says by now";
}

TEST_F(ControlHandedOver, AFileThatAnotherAgentMadeMeanwhileIsNotOurs) {
  loop::Loop loop;
  ControlSocket first(loop, *this);
  ASSERT_TRUE(first.listen(path_, /*any_user=*/false));
  const auto inode = first.inode();
  UniqueFd passed(::dup(first.pass_on()));
  ControlSocket next(loop, *this);
  EXPECT_FALSE(next.adopt(std::move(passed), inode + 1, path_, /*any_user=*/false));
  EXPECT_FALSE(next.listening());
}

}  // namespace
}  // namespace culvert::agent
