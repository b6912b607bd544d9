#include "agent/publisher.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace culvert::agent {
namespace {

SocketAddress address(const char* text) { return *SocketAddress::parse(text); }

TEST(Publisher, publishes_entries_always_and_programs_by_policy) {
  PublishPolicy policy;
  policy.policy = PublishPolicy::Policy::kAlways;
  policy.deny_ports = {25};
  Publisher publisher(Protocol::kTcp, policy, {{22, address("127.0.0.1:2222")}});
  EXPECT_EQ(publisher.ports(), (std::vector<std::uint16_t>{22}));
  const ProgramListener web{1, address("0.0.0.0:80"), {}};
  const ProgramListener web_again{2, address("127.0.0.1:80"), {}};
  EXPECT_TRUE(publisher.add(web));
  EXPECT_FALSE(publisher.add(web_again)) << "the set of ports is the same";
  EXPECT_FALSE(publisher.add({3, address("0.0.0.0:25"), {}}));
  EXPECT_FALSE(publisher.add({4, address("[::1]:81"), {}})) << "cannot be called by IPv4, nor asks";
  EXPECT_FALSE(publisher.add({5, address("[::]:82"), {}, Protocol::kTcp, /*v6_only=*/true}))
      << "nor this one";
  EXPECT_TRUE(publisher.admits({6, address("[::]:82"), {}}));
  EXPECT_EQ(publisher.ports(), (std::vector<std::uint16_t>{22, 80}));
  EXPECT_EQ(publisher.target(22), InboundTarget{address("127.0.0.1:2222")});
  EXPECT_EQ(publisher.target(25), std::nullopt);
  EXPECT_FALSE(publisher.remove(web));
  EXPECT_EQ(publisher.target(80), InboundTarget{web_again.local});
  EXPECT_TRUE(publisher.remove(web_again));
  EXPECT_EQ(publisher.target(80), std::nullopt);
}

TEST(Publisher,
     publishes_a_listener_of_ipv6_alone_whose_shim_asks_and_calls_one_of_ipv4_before_it) {
  PublishPolicy policy;
  policy.policy = PublishPolicy::Policy::kAlways;
  Publisher publisher(Protocol::kTcp, policy, {});
  for (const char* at : {"[::]:80", "[::1]:80"}) {
    ProgramListener six{1, address(at), {}, Protocol::kTcp, /*v6_only=*/true};
    six.asks_accepted = true;
    EXPECT_TRUE(publisher.add(six));
    EXPECT_EQ(publisher.target(80), (InboundTarget{address(at), {}, 0, /*passed=*/true}));
    const ProgramListener four{2, address("0.0.0.0:80"), {}};
    EXPECT_FALSE(publisher.add(four));
    EXPECT_EQ(publisher.target(80), InboundTarget{four.local});
    publisher.remove(four);
    EXPECT_EQ(publisher.ports(), std::vector<std::uint16_t>{80});
    publisher.remove(six);
  }
}

ProgramListener kernels(std::uint64_t cookie, const char* at) {
  ProgramListener listener{cookie, address(at), {}, Protocol::kUdp};
  listener.kernel_chose = true;
  return listener;
}

TEST(Publisher, leads_to_ports_that_the_kernel_has_chosen_and_announces_none) {
  PublishPolicy policy;
  policy.policy = PublishPolicy::Policy::kAlways;
  policy.deny_ports = {40001};
  Publisher publisher(Protocol::kUdp, policy, {{40002, address("127.0.0.1:53"), Protocol::kUdp}});
  const auto first = kernels(1, "0.0.0.0:40000"), second = kernels(2, "0.0.0.0:40000");
  EXPECT_FALSE(publisher.add(first)) << "nothing to announce";
  EXPECT_FALSE(publisher.add(second));
  EXPECT_FALSE(publisher.add(kernels(3, "0.0.0.0:40001")));
  EXPECT_FALSE(publisher.add(kernels(4, "0.0.0.0:40002")));
  EXPECT_EQ(publisher.ports(), (std::vector<std::uint16_t>{40002}));
  EXPECT_EQ(publisher.target(40000), (InboundTarget{first.local, {}, 1}));
  EXPECT_EQ(publisher.target(40001), std::nullopt);
  EXPECT_EQ(publisher.target(40002), InboundTarget{address("127.0.0.1:53")})
      << "a client does not take the place of what is configured";
  const ProgramListener server{5, address("0.0.0.0:40000"), {}, Protocol::kUdp};
  EXPECT_TRUE(publisher.add(server));
  EXPECT_EQ(publisher.target(40000), InboundTarget{server.local});
  EXPECT_FALSE(publisher.remove(first));
  EXPECT_TRUE(publisher.remove(server));
  EXPECT_EQ(publisher.target(40000), (InboundTarget{second.local, {}, 2}));
  EXPECT_FALSE(publisher.remove(second));
  EXPECT_EQ(publisher.target(40000), std::nullopt);
}

TEST(Publisher, leads_to_no_port_of_the_kernels_where_somebody_would_have_to_be_asked) {
  for (const auto how : {PublishPolicy::Policy::kNever, PublishPolicy::Policy::kAsk}) {
    PublishPolicy policy;
    policy.policy = how;
    Publisher publisher(Protocol::kUdp, policy, {});
    EXPECT_FALSE(publisher.admits(kernels(1, "0.0.0.0:40000")));
    publisher.add(kernels(1, "0.0.0.0:40000"));
    EXPECT_EQ(publisher.target(40000), std::nullopt);
  }
}

TEST(Publisher, takes_the_entries_of_its_protocol_alone) {
  const std::vector<ListenEntry> entries{{22, address("127.0.0.1:22")},
                                         {53, address("127.0.0.1:53"), Protocol::kUdp}};
  EXPECT_EQ(Publisher(Protocol::kTcp, {}, entries).ports(), (std::vector<std::uint16_t>{22}));
  EXPECT_EQ(Publisher(Protocol::kUdp, {}, entries).ports(), (std::vector<std::uint16_t>{53}));
}

TEST(Publisher, leaves_entries_and_low_ports_to_root_and_its_own_user) {
  PublishPolicy policy;
  policy.policy = PublishPolicy::Policy::kAlways;
  Publisher publisher(Protocol::kTcp, policy, {{8080, address("127.0.0.1:80")}});
  const Asker mallory{1, ::geteuid() + 1};
  const StandIn inside{address("127.0.0.1:40000"), std::string(kTokenSize, 'x')};
  EXPECT_FALSE(publisher.add({1, address("0.0.0.0:8080"), mallory}));
  EXPECT_EQ(publisher.target(8080), InboundTarget{address("127.0.0.1:80")});
  const ProgramListener sshd{2, address("0.0.0.0:22"), mallory, Protocol::kTcp, false, inside};
  EXPECT_FALSE(publisher.add(sshd)) << "in a namespace anybody may bind it";
  EXPECT_EQ(publisher.target(22), std::nullopt);
  EXPECT_TRUE(publisher.add({3, address("0.0.0.0:80"), mallory})) << "the kernel let it bind that";
  EXPECT_TRUE(publisher.add({4, address("0.0.0.0:8022"), mallory, Protocol::kTcp, false, inside}));
  const ProgramListener own{5, address("0.0.0.0:8080"), {1, ::geteuid()}};
  publisher.add(own);
  EXPECT_EQ(publisher.target(8080), InboundTarget{own.local});
}

TEST(Publisher, publishes_no_program_unless_told_to) {
  Publisher publisher(Protocol::kTcp, {}, {});
  EXPECT_FALSE(publisher.add({1, address("0.0.0.0:80"), {}}));
  EXPECT_TRUE(publisher.ports().empty());
  EXPECT_EQ(publisher.target(80), std::nullopt);
}

}  // namespace
}  // namespace culvert::agent
