#include "tunnel/proxies/pac_engine.h"

#include <gmock/gmock.h>

#include <map>

namespace culvert::proxies {
namespace {

class Names final : public PacEngine::Network {
 public:
  std::string resolve(const std::string& host) override {
    ++lookups;
    const auto found = known.find(host);
    return found == known.end() ? std::string{} : found->second;
  }
  std::string own_address() override { return "10.1.2.3"; }
  std::map<std::string, std::string> known{{"inside.corp.test", "10.9.8.7"}};
  int lookups = 0;
};

std::string run(const std::string& script, const std::string& host = "service.example.net") {
  Names names;
  PacEngine engine(names);
  if (const auto loaded = engine.load(script); !loaded) return "load: " + loaded.error().detail;
  const auto got = engine.find_proxy("https://" + host + "/", host);
  return got ? *got : "call: " + got.error().detail;
}
std::string value_of(const std::string& expression) {
  return run("function FindProxyForURL(url, host) { return String(" + expression + "); }");
}

struct Row {
  const char* expression;
  const char* value;
};
constexpr Row kFunctions[] = {
    {"isPlainHostName('www')", "true"},
    {"isPlainHostName('www.a.test')", "false"},
    {"dnsDomainIs('www.Corp.test', '.corp.test')", "true"},
    {"dnsDomainIs('www', '.corp.test')", "false"},
    {"localHostOrDomainIs('www', 'www.corp.test')", "true"},
    {"localHostOrDomainIs('www.corp.test', 'www.corp.test')", "true"},
    {"localHostOrDomainIs('www.other.test', 'www.corp.test')", "false"},
    {"localHostOrDomainIs('home', 'www.corp.test')", "false"},
    {"isResolvable('inside.corp.test')", "true"},
    {"isResolvable('outside.test')", "false"},
    {"dnsResolve('inside.corp.test')", "10.9.8.7"},
    {"dnsResolve('outside.test')", "null"},
    {"myIpAddress()", "10.1.2.3"},
    {"dnsDomainLevels('www.a.test')", "2"},
    {"isInNet('10.9.8.7', '10.0.0.0', '255.0.0.0')", "true"},
    {"isInNet('inside.corp.test', '10.9.0.0', '255.255.0.0')", "true"},
    {"isInNet('outside.test', '10.9.0.0', '255.255.0.0')", "false"},
    {"isInNet('192.168.1.1', '192.168.1.1', '255.255.255.255')", "true"},
    {"isInNet(myIpAddress(), '10.1.2.0', '255.255.255.0')", "true"},
    {"isInNet('10.0.0.999', '10.0.0.0', '255.0.0.0')", "false"},
    {"convert_addr('104.16.41.2')", "1745889538"},
    {"shExpMatch('http://home.corp.test/x/y.html', '*/x/*')", "true"},
    {"shExpMatch('www.corp.test', '*.corp.tes?')", "true"},
    {"shExpMatch('www.corp.test', 'corp*')", "false"},
    {"shExpMatch('a+b', 'a+b')", "true"},
    {"shExpMatch('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab', 'a*a*a*a*a*a*a*a*c')", "false"},
    {"isInNetEx('10.9.8.7', '10.9.0.0/16')", "true"},
    {"weekdayRange('SUN', 'SAT')", "true"},
    {"weekdayRange('SUN', 'SAT', 'GMT')", "true"},
    {"weekdayRange('ABC')", "false"},
    {"dateRange(1, 31)", "true"},
    {"dateRange('JAN', 'DEC')", "true"},
    {"dateRange(1, 'JAN', 31, 'DEC')", "true"},
    {"dateRange(1995, 2000)", "false"},
    {"dateRange(1, 'JAN', 1995, 31, 'DEC', 2999, 'GMT')", "true"},
    {"dateRange('OCT', 1995, 'MAR', 1996)", "false"},
    {"timeRange(0, 0, 0, 23, 59, 59)", "true"},
    {"timeRange(0, 24, 'GMT')", "true"},
    {"timeRange(25)", "false"},
};

TEST(PacEngine, has_the_usual_functions) {
  for (const auto& row : kFunctions)
    EXPECT_EQ(value_of(row.expression), row.value) << row.expression;
}

// The parts of a range are told apart by their values; today is put in from outside.
TEST(PacEngine, understands_ranges_of_a_given_moment) {
  const auto at = [](const std::string& moment, const std::string& expression) {
    return run("var RealDate = Date; Date = function() { return new RealDate(" + moment +
               "); };\nfunction FindProxyForURL(u, h) { return String(" + expression + "); }");
  };
  const std::string may = "2026, 4, 15, 9, 30, 0";  // a Friday
  EXPECT_EQ(at(may, "weekdayRange('MON', 'FRI')"), "true");
  EXPECT_EQ(at(may, "weekdayRange('SAT', 'SUN')"), "false");
  EXPECT_EQ(at(may, "weekdayRange('FRI', 'MON')"), "true");
  EXPECT_EQ(at(may, "dateRange('MAY')"), "true");
  EXPECT_EQ(at(may, "dateRange('NOV', 'FEB')"), "false");
  EXPECT_EQ(at(may, "dateRange(15)"), "true");
  EXPECT_EQ(at(may, "dateRange(2026)"), "true");
  EXPECT_EQ(at(may, "dateRange(1, 'JUN', 15, 'AUG')"), "false");
  EXPECT_EQ(at(may, "dateRange(24, 'DEC', 15, 'MAY')"), "true");
  EXPECT_EQ(at(may, "timeRange(9)"), "true");
  EXPECT_EQ(at(may, "timeRange(9, 17)"), "true");
  EXPECT_EQ(at(may, "timeRange(17, 9)"), "false");
  EXPECT_EQ(at(may, "timeRange(22, 0, 9, 30)"), "true");
}

constexpr const char* kCorpus[] = {
    // A school's: plain names and the inside go direct.
    R"(function FindProxyForURL(url, host) {
         if (isPlainHostName(host) || dnsDomainIs(host, ".corp.test")) return "DIRECT";
         return "PROXY proxy.corp.test:3128; DIRECT"; })",
    // A bank's: by address, with a fallback for the second data centre.
    R"(var a = "PROXY proxy.corp.test:3128", b = "PROXY other.corp.test:3128";
       function FindProxyForURL(url, host) {
         var ip = myIpAddress();
         if (shExpMatch(host, "*.local")) return "DIRECT";
         if (isInNet(ip, "10.1.0.0", "255.255.0.0")) { return a + "; " + b; } else return b; })",
    // A hash over the URL, as CARP arrays of proxies have it.
    R"(function hash(s) { var h = 0; for (var i = 0; i < s.length; i++) h = (h * 31 + s.charCodeAt(i)) & 0xffff; return h; }
       var list = ["proxy.corp.test:3128"];
       function FindProxyForURL(u, h) { return "PROXY " + list[hash(u) % list.length]; })",
    // Regular expressions, a table, a function by another case of the URL's scheme.
    R"(var direct = { "localhost": 1, "intranet": 1 };
       FindProxyForURL = function (url, host) {
         url = url.toLowerCase(); host = host.toLowerCase();
         if (direct[host] || /^10\./.test(host)) return "DIRECT";
         switch (url.substring(0, 5)) { case "https": return "PROXY proxy.corp.test:3128"; }
         return "DIRECT"; };)",
    // With a byte order mark, tabs, CRLF and a comment at the end.
    ("\xef\xbb\xbf// proxy\r\nfunction FindProxyForURL(url, host)\r\n{\r\n\treturn \"PROXY "
     "proxy.corp.test:3128\";\r\n}\r\n// end"),
    // Asks Microsoft's functions if they are there, and logs.
    R"(function FindProxyForURL(url, host) {
         alert("asked for " + host);
         if (typeof isInNetEx == "function" && isInNetEx(myIpAddress(), "192.168.0.0/16")) return "DIRECT";
         return "PROXY proxy.corp.test:3128"; })",
};

TEST(PacEngine, runs_scripts_as_they_are_in_the_world) {
  for (const char* const script : kCorpus)
    EXPECT_THAT(run(script), testing::StartsWith("PROXY proxy.corp.test:3128")) << script;
}

TEST(PacEngine, says_what_is_wrong_with_a_script) {
  EXPECT_THAT(run("function FindProxyForURL(u, h) { return `x`; }"),
              testing::StartsWith("load: the PAC script does not load: SyntaxError"));
  EXPECT_THAT(run("var x = 1;"), testing::HasSubstr("has no function FindProxyForURL"));
  EXPECT_THAT(run("FindProxyForURL = 5;"), testing::HasSubstr("has no function FindProxyForURL"));
  EXPECT_THAT(run("function FindProxyForURL() { throw new Error('not today'); }"),
              testing::HasSubstr("not today"));
  EXPECT_THAT(run("function FindProxyForURL() { return 7; }"), testing::HasSubstr("no text"));
  EXPECT_EQ(run("function FindProxyForURL() { return null; }"), "");
}

TEST(PacEngine, ends_scripts_that_want_too_much) {
  EXPECT_THAT(run("function FindProxyForURL() { return 1 + FindProxyForURL(); }"),
              testing::HasSubstr("RangeError"));
  EXPECT_THAT(run("var a = []; while (true) a.push(new Uint8Array(1000000));"),
              testing::HasSubstr("load: "));
  EXPECT_THAT(run("function FindProxyForURL() { var s = 'x'; while (true) s += s; }"),
              testing::HasSubstr("call: "));
  EXPECT_THAT(run("function FindProxyForURL() { return new Array(9000).join('x'); }"),
              testing::HasSubstr("more than 8 KiB"));
}

TEST(PacEngine, looks_up_no_more_than_it_may) {
  Names names;
  PacEngine engine(names);
  ASSERT_TRUE(
      engine.load("function FindProxyForURL() { for (var i = 0; i < 1000; i++) "
                  "dnsResolve('h' + i); return 'DIRECT'; }"));
  EXPECT_EQ(engine.find_proxy("https://x/", "x").value_or(""), "DIRECT");
  EXPECT_EQ(names.lookups, PacEngine::kMostLookups);
}

TEST(PacEngine, has_neither_files_nor_programs_nor_network) {
  EXPECT_EQ(value_of("typeof require + typeof process + typeof XMLHttpRequest + typeof fetch + "
                     "typeof load + typeof WScript"),
            "undefinedundefinedundefinedundefinedundefinedundefined");
}

}  // namespace
}  // namespace culvert::proxies
