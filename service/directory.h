// service/directory.h: who is online, for whoever asks, in whatever thread: under each name the
// newest session of that endpoint, what it lets others see, and how to reach it.
//
// A session keeps its entry itself, from the loop that it lives on; the name is given to another
// one when that has taken over (S24). Asking costs a lock.
//
// What an endpoint has said and its loop has not read yet is not known here. Whoever finds nobody
// asks once more behind that (ask_again()): so nobody is told that there is no such name by a
// service that had heard of it before.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tunnel/base/bytes.h"
#include "tunnel/base/time.h"
#include "tunnel/loop/remote.h"

namespace culvert::service {

class ClientLink;

class Directory {
 public:
  static constexpr std::chrono::seconds kAwayUnnoticed{10};  // others may still call it so long

  struct Entry;
  using Place = std::shared_ptr<Entry>;

  // Takes the place of whoever has the name. Shows nothing yet. `mailbox`: of the loop where the
  // session is going to live.
  Place enter(const std::string& name, ByteVector certificate, loop::Mailbox& mailbox);
  void leave(const Place& place);  // no effect where another has taken over

  // Its name certificate, as shown or renewed.
  void set_certificate(const Place& place, const ByteVector& certificate);
  ByteVector certificate(const Place& place) const;

  // By the session.
  void set_link(const Place& place, loop::Remote<ClientLink> link);
  void set_published(const Place& place, bool published);
  void set_expected(const Place& place, std::vector<std::string> callers);
  std::vector<std::string> expected(const Place& place) const;
  void set_away_since(const Place& place, std::optional<TimePoint> since);

  struct Reachable {
    ByteVector certificate;
    loop::Remote<ClientLink> link;
  };
  // If it is here and publishes at least one port, or expects this caller.
  std::optional<Reachable> reachable(std::string_view name, std::string_view caller,
                                     TimePoint now) const;

  // work(asker) when the loop of whoever has the name has done what it has to do now; through some
  // loop, too, where nobody has it: who is online is not for everybody to find out.
  template <class T, class Work>
  void ask_again(std::string_view name, loop::Remote<T> asker, Work work) const {
    mailbox_for(name, asker.mailbox()).post([asker, work = std::move(work)]() mutable {
      asker.post(std::move(work));
    });
  }

 private:
  loop::Mailbox& mailbox_for(std::string_view name, loop::Mailbox& otherwise) const;

  mutable std::mutex mutex_;
  loop::Mailbox* newest_ = nullptr;  // of whoever entered last
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace culvert::service
