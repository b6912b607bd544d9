// tests/unit/agent/program_lab.h: a real ShimGate with a core that does as it is told, and programs
// (in a thread) that speak shim/wire.h on their own sockets as the shim does.
#pragma once
#include <uv.h>

#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/shim_gate.h"

namespace culvert::agent::testing {

// What a program sees of one connect.
struct Connecting {
  UniqueFd fd;
  std::uint64_t cookie = 0;
  int verdict = 0;
  int error = 0;  // of connect(): EINPROGRESS as a rule, or of the answer CULVERT_FAIL
  std::uint32_t flags = 0;
  SocketAddress held_at, own;
};

class ProgramLab final : private ShimGate::Handler {
 public:
  struct Setting {
    bool raw = true;
    bool any_user = false;
    std::string domains = "example.net";
  };
  struct Plan {
    std::optional<ErrorCode> code;  // else: completes
    bool when_released = false;     // else: as soon as the connect is announced
  };

  explicit ProgramLab(const Setting& setting);
  ~ProgramLab();

  void plan(std::uint16_t port, Plan plan) { plans_[port] = plan; }
  // Runs `program` in a thread and the loop in this one, until it returns.
  void run(const std::function<void()>& program);
  // From the program's thread: runs `what` in the loop's thread and waits for it.
  void on_loop(std::function<void()> what);
  void release() {  // carries out the plans that wait
    on_loop([this] { decide_all(); });
  }
  void end_gate() { gate_.reset(); }
  template <class Condition>
  bool eventually(Condition condition) {  // asked in the loop's thread, for at most ten seconds
    for (int i = 0; i < 1000; ++i) {
      bool met = false;
      on_loop([&] { met = condition(); });
      if (met) return true;
      usleep(10'000);
    }
    return false;
  }

  // Of programs; from any thread or process.
  Connecting connect(
      const SocketAddress& to, const std::function<void(int fd)>& before = [](int) {},
      bool tell = true) const;
  // To where the agent holds `to` by now, and told in one message.
  Connecting connect_again(
      const SocketAddress& to, const SocketAddress& held_at,
      const std::function<void(int fd)>& before = [](int) {}) const;
  void send_message(Bytes message) const;  // and hang up
  std::optional<culvert_answer_packet> ask(const culvert_question_packet& question,
                                           UniqueFd* keep_open = nullptr) const;
  int ask_error(std::uint64_t cookie) const;  // 0: nothing is known
  static culvert_question_packet question(culvert_question kind);
  static void put_address(culvert_question_packet& question, const SocketAddress& address);
  void tell_connecting(int conversation, const Connecting& connecting) const;

  const std::string& socket_path() const { return path_; }
  ShimGate& gate() { return *gate_; }
  loop::Loop& loop() { return loop_; }

  // Touched in the loop's thread alone.
  struct Waiting final : HeldConnect::Listener {
    Waiting(ProgramLab& owner, std::unique_ptr<HeldConnect> taken)
        : lab(owner), held(std::move(taken)) {
      held->set_listener(*this);
    }
    void on_connect_completed(HeldConnect&, UniqueFd ours) override {
      lab.completed.push_back(std::move(ours));
      lab.forget(*this);
    }
    void on_connect_abandoned(HeldConnect&) override {
      ++lab.abandoned;
      lab.forget(*this);
    }
    ProgramLab& lab;
    std::unique_ptr<HeldConnect> held;
  };
  std::vector<std::unique_ptr<Waiting>> waiting;
  std::vector<UniqueFd> completed;
  int announced = 0, abandoned = 0;
  SocketAddress last_to;
  std::vector<ProgramListener> listening, gone;
  std::string status = "{}";
  std::optional<std::pair<IpAddress, IpAddress>> stand_in_for;  // ordinary, of the pool
  std::unique_ptr<NameQuestion> kept_question;

 private:
  void on_name_asked(std::unique_ptr<NameQuestion> asked) override;
  std::optional<IpAddress> stand_in(Protocol, const IpAddress& ordinary, const Asker&) override {
    if (!stand_in_for || stand_in_for->first != ordinary) return std::nullopt;
    return stand_in_for->second;
  }
  void on_why_asked(std::unique_ptr<StatusQuestion> asked, const std::string& host) override {
    asked->answer("carried\n" + host + "\n");
  }
  Result<bool> on_system_wide_told() override { return false; }
  void on_share_asked(UniqueFd, std::uint16_t, bool) override {}
  bool on_proxy_told(const Asker&, const std::string&) override { return false; }
  void on_address_asked(std::unique_ptr<AddressQuestion> asked) override;
  void on_connect(std::unique_ptr<HeldConnect> held) override;
  void on_datagrams_asked(std::unique_ptr<DatagramQuestion> asked) override { asked->not_ours(); }
  UniqueFd on_accepted(const SocketAddress&, std::uint64_t, const Asker&) override { return {}; }
  std::optional<SocketAddress> on_sender_asked(const SocketAddress&, std::uint16_t) override {
    return std::nullopt;
  }
  void on_listening(const ProgramListener& listener) override { listening.push_back(listener); }
  void on_listener_gone(const ProgramListener& listener) override { gone.push_back(listener); }
  void on_status_asked(std::unique_ptr<StatusQuestion> asked) override { asked->answer(status); }
  void decide(HeldConnect& held);
  void decide_all();
  void forget(Waiting& one);
  void on_wake();
  UniqueFd reach_gate() const;

  loop::Loop loop_;
  std::string directory_, path_;
  std::map<std::uint16_t, Plan> plans_;
  std::unique_ptr<ShimGate> gate_;
  loop::Handle<uv_async_t> wake_;
  std::mutex mutex_;
  std::vector<std::packaged_task<void()>> tasks_;
};

UniqueFd listen_at(const char* address);  // a program's listener, not told to anybody

}  // namespace culvert::agent::testing
