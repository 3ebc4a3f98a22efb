// The workload of the Nexmark queries (Tucker, Tufte, Papadimos and Maier, "NEXMark: A Benchmark for Queries over Data
// Streams", 2002), after the generator that Apache Beam and Flink use, kept simple:
//
//   of 50 events, 1 is a new person, 3 are new auctions, 46 are bids;
//   half of the bids go to the hot auction, the first of the newest hundred, the others to one of the newest 110 or so;
//   three quarters come from the hot bidder, the second of the newest hundred persons, the others from one of the newest 1,000;
//   prices are log-uniform from 1 to 1,000,000, in cents.
//
// Simpler than there: one event a millisecond, in order; persons and auctions have only the fields that matter for their
// size; ids a few ahead of the newest one exist for auctions and persons alike.
import { Random } from './random.ts'

const firstAt = 1_700_000_000_000
const firstId = 1_000
const eventsPerRound = 50
const auctionsPerRound = 3
const hundred = 100
const auctionsInFlight = 100
const activePersons = 1_000
/** Ids that bids may name before they are there. */
const lead = 10

/** A function that gives the events in order, one line without its end a call. */
export function nexmarkEvents(seed: number): () => string {
  const random = new Random(seed)
  let n = 0
  return () => {
    const round = Math.floor(n / eventsPerRound)
    const offset = n % eventsPerRound
    const dateTime = firstAt + n++
    if (offset === 0) return person(random, firstId + round, dateTime)
    const lastAuction = round * auctionsPerRound + Math.min(offset, auctionsPerRound) - 1
    if (offset <= auctionsPerRound) return auction(random, { id: firstId + lastAuction, lastPerson: round, dateTime })
    return bid(random, { lastAuction, lastPerson: round, dateTime })
  }
}

function bid(
  random: Random,
  { lastAuction, lastPerson, dateTime }: { lastAuction: number; lastPerson: number; dateTime: number },
): string {
  const auction = random.below(2) > 0 ? hotOf(lastAuction) : recentOf(random, lastAuction, auctionsInFlight)
  const bidder = random.below(4) > 0 ? hotOf(lastPerson) + 1 : recentOf(random, lastPerson, activePersons)
  return `{"type":"bid","auction":${firstId + auction},"bidder":${firstId + bidder},"price":${price(random)},"channel":"${random.pick(channels)}","dateTime":${dateTime},"extra":"${filler(random, 24)}"}`
}

function auction(
  random: Random,
  { id, lastPerson, dateTime }: { id: number; lastPerson: number; dateTime: number },
): string {
  const seller = random.below(4) > 0 ? hotOf(lastPerson) : recentOf(random, lastPerson, activePersons)
  return `{"type":"auction","id":${id},"itemName":"${filler(random, 20)}","initialBid":${price(random)},"seller":${firstId + seller},"category":${10 + random.below(5)},"dateTime":${dateTime},"extra":"${filler(random, 360)}"}`
}

function person(random: Random, id: number, dateTime: number): string {
  return `{"type":"person","id":${id},"name":"${filler(random, 12)}","city":"${random.pick(cities)}","dateTime":${dateTime},"extra":"${filler(random, 100)}"}`
}

const channels = ['Google', 'Facebook', 'Baidu', 'Apple']
const cities = ['Phoenix', 'Los Angeles', 'San Francisco', 'Boise', 'Portland', 'Seattle', 'Cheyenne']

/** The first of the hundred that the newest one belongs to. */
function hotOf(newest: number): number {
  return newest - (newest % hundred)
}

/** One of the newest `count` or of the few still to come. */
function recentOf(random: Random, newest: number, count: number): number {
  const oldest = Math.max(0, newest - count)
  return oldest + random.below(newest - oldest + 1 + lead)
}

function price(random: Random): number {
  return Math.round(10 ** (random.uniform() * 6) * 100)
}

const letters = 'abcdefghijklmnopqrstuvwxyz'.repeat(20)

function filler(random: Random, length: number): string {
  const start = random.below(26)
  return letters.slice(start, start + length)
}
