// tunnel/proxies/pac_functions.h: the functions of a PAC script that need neither network nor
// memory of their own, in its own language. dnsResolve and myIpAddress are pac_engine.cc's.
//
// Ranges of days, dates and times are understood as Mozilla's documentation describes them: both
// ends belong to the range, a range may wrap around, "GMT" as the last argument means UTC.
#pragma once
#include <string_view>

namespace culvert::proxies {

inline constexpr std::string_view kPacFunctions = R"js(
function isPlainHostName(host) { return String(host).indexOf('.') < 0; }
function dnsDomainIs(host, domain) {
  host = String(host).toLowerCase(); domain = String(domain).toLowerCase();
  return host.length >= domain.length && host.substring(host.length - domain.length) === domain;
}
function localHostOrDomainIs(host, full) {
  host = String(host).toLowerCase(); full = String(full).toLowerCase();
  return host === full || full.lastIndexOf(host + '.', 0) === 0;
}
function isResolvable(host) { return dnsResolve(host) !== null; }
function dnsDomainLevels(host) { return String(host).split('.').length - 1; }
function __v4(text) {
  var m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(String(text));
  if (!m) return null;
  var value = 0;
  for (var i = 1; i <= 4; i++) { if (+m[i] > 255) return null; value = value * 256 + +m[i]; }
  return value;
}
function convert_addr(text) { var value = __v4(text); return value === null ? 0 : value | 0; }
function isInNet(host, pattern, mask) {
  var address = __v4(host), net = __v4(pattern), bits = __v4(mask);
  if (net === null || bits === null) return false;
  if (address === null) { address = __v4(dnsResolve(host)); if (address === null) return false; }
  return ((address & bits) >>> 0) === ((net & bits) >>> 0);
}
function shExpMatch(text, pattern) {
  text = String(text); pattern = String(pattern);
  var t = 0, p = 0, star = -1, mark = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern.charAt(p) === '*') { star = p++; mark = t; }
    else if (p < pattern.length && (pattern.charAt(p) === '?' || pattern.charAt(p) === text.charAt(t))) { p++; t++; }
    else if (star >= 0) { p = star + 1; t = ++mark; }
    else return false;
  }
  while (pattern.charAt(p) === '*') p++;
  return p === pattern.length;
}
function __range(args) {
  var list = Array.prototype.slice.call(args), gmt = false;
  if (list.length && String(list[list.length - 1]).toUpperCase() === 'GMT') { gmt = true; list.pop(); }
  return { list: list, gmt: gmt };
}
function __within(value, from, to) {
  return from <= to ? value >= from && value <= to : value >= from || value <= to;
}
var __days = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
var __months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
function weekdayRange() {
  var range = __range(arguments), now = new Date(), list = range.list;
  var today = range.gmt ? now.getUTCDay() : now.getDay();
  var from = __days.indexOf(String(list[0]).toUpperCase());
  var to = list.length > 1 ? __days.indexOf(String(list[1]).toUpperCase()) : from;
  return from >= 0 && to >= 0 && __within(today, from, to);
}
function dateRange() {
  var range = __range(arguments), now = new Date(), list = range.list;
  var today = range.gmt ? [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()]
                        : [now.getFullYear(), now.getMonth(), now.getDate()];
  if (list.length === 0 || (list.length > 1 && list.length % 2)) return false;
  function point(part) {
    var out = [null, null, null];
    for (var i = 0; i < part.length; i++) {
      var month = __months.indexOf(String(part[i]).toUpperCase());
      if (month >= 0) out[1] = month;
      else if (+part[i] > 31) out[0] = +part[i];
      else out[2] = +part[i];
    }
    return out;
  }
  var half = list.length > 1 ? list.length / 2 : 1;
  var from = point(list.slice(0, half)), to = list.length > 1 ? point(list.slice(half)) : from;
  function number(parts) {
    var value = 0;
    for (var i = 0; i < 3; i++) value = value * 10000 + (from[i] === null ? 0 : parts[i] === null ? 0 : parts[i]);
    return value;
  }
  var value = number(today), low = number(from), high = number(to);
  return from[0] !== null ? value >= low && value <= high : __within(value, low, high);
}
function timeRange() {
  var range = __range(arguments), now = new Date(), list = range.list;
  for (var i = 0; i < list.length; i++) list[i] = +list[i];
  var h = range.gmt ? now.getUTCHours() : now.getHours();
  var m = range.gmt ? now.getUTCMinutes() : now.getMinutes();
  var s = range.gmt ? now.getUTCSeconds() : now.getSeconds();
  var second = (h * 60 + m) * 60 + s;
  switch (list.length) {
    case 1: return h === list[0];
    case 2: return __within(second, list[0] * 3600, list[1] * 3600);
    case 4: return __within(second, list[0] * 3600 + list[1] * 60, list[2] * 3600 + list[3] * 60);
    case 6: return __within(second, (list[0] * 60 + list[1]) * 60 + list[2],
                            (list[3] * 60 + list[4]) * 60 + list[5]);
  }
  return false;
}
// Microsoft's, which many scripts call where they exist: without IPv6 they say what the others do.
function dnsResolveEx(host) { return dnsResolve(host) || ''; }
function isResolvableEx(host) { return isResolvable(host); }
function myIpAddressEx() { return myIpAddress(); }
function isInNetEx(address, prefix) {
  var parts = String(prefix).split('/'), net = __v4(parts[0]), value = __v4(address), bits = +parts[1];
  if (net === null || value === null || !(bits >= 0 && bits <= 32)) return false;
  var size = Math.pow(2, 32 - bits);
  return Math.floor(value / size) === Math.floor(net / size);
}
function sortIpAddressList(list) { return list; }
function getClientVersion() { return '1.0'; }
function alert() {}
)js";

}  // namespace culvert::proxies
