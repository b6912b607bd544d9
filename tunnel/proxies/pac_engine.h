// tunnel/proxies/pac_engine.h: runs one PAC script (Duktape: ECMAScript 5.1), with the functions
// that Netscape defined for it in 1996 and every browser has.
//
// Runs strangers' code: only in the worker process (agent/pac_main.cc), behind pac_sandbox.h.
// Memory is limited here; time is not (Debian's Duktape has no hook for it): that is the process's
// limit and its parent's deadline.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "tunnel/base/result.h"

namespace culvert::proxies {

class PacEngine {
 public:
  static constexpr std::size_t kMostMemory = 32u << 20;  // octets of the script's heap
  static constexpr int kMostLookups = 64;                // of names, in the life of a script

  class Network {
   public:
    virtual std::string resolve(const std::string& host) = 0;  // IPv4 in text; empty: unknown
    virtual std::string own_address() = 0;                     // IPv4 in text

   protected:
    ~Network() = default;
  };

  explicit PacEngine(Network& network);
  ~PacEngine();

  // kBadInput: a syntax error, an exception while it was loaded, or no FindProxyForURL.
  Result<void> load(std::string_view script);
  // kBadInput: it threw, or returned no text. A null or undefined is an empty text.
  Result<std::string> find_proxy(const std::string& url, const std::string& host);

 private:
  struct Heap;
  std::unique_ptr<Heap> heap_;
};

}  // namespace culvert::proxies
