-- Room for a row's next version beside it, so that a balance changes without touching the index.
CREATE TABLE cards (card bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0)) WITH (fillfactor = 70);
CREATE TABLE transactions (
  terminal integer, reference bigint, card bigint NOT NULL, amount bigint NOT NULL, answer bigint NOT NULL,
  PRIMARY KEY (terminal, reference)
);

-- What is left on the card, or below zero why not. Two of the same reference at once: the later one fails on the key,
-- and finds the first answer when it is sent again.
CREATE FUNCTION debit(t integer, r bigint, c bigint, a bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  known transactions%ROWTYPE;
  result bigint;
BEGIN
  SELECT * INTO known FROM transactions WHERE terminal = t AND reference = r;
  IF FOUND THEN
    RETURN CASE WHEN known.card = c AND known.amount = a THEN known.answer ELSE -94 END;
  END IF;
  UPDATE cards SET balance = balance - a WHERE card = c AND balance >= a RETURNING balance INTO result;
  IF NOT FOUND THEN
    result := CASE WHEN EXISTS (SELECT FROM cards WHERE card = c) THEN -51 ELSE -14 END;
  END IF;
  INSERT INTO transactions VALUES (t, r, c, a, result);
  RETURN result;
END $$;

-- The same for arrays, as sets. Cards are locked in their order, so that two batches never wait for each other crosswise.
-- When a card that comes more than once runs dry, the batch is done one by one: whether a later one fits depends on the
-- earlier.
CREATE FUNCTION debits(ts integer[], rs bigint[], cs bigint[], amounts bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  answers bigint[];
  doubtful boolean;
BEGIN
  PERFORM FROM cards WHERE card = ANY (cs) ORDER BY card FOR UPDATE;
  WITH input AS MATERIALIZED (
    SELECT i.*, known.answer AS first, known.card = i.card AND known.amount = i.amount AS same, cards.balance
    FROM unnest(ts, rs, cs, amounts) WITH ORDINALITY AS i (terminal, reference, card, amount, n)
    LEFT JOIN transactions known USING (terminal, reference)
    LEFT JOIN cards ON cards.card = i.card
  ), judged AS MATERIALIZED (
    SELECT *, balance - sum(amount) OVER (PARTITION BY card ORDER BY n) AS left_over,
      count(*) OVER (PARTITION BY card) AS of_card
    FROM input WHERE first IS NULL
  ), decided AS MATERIALIZED (
    SELECT *, CASE WHEN balance IS NULL THEN -14 WHEN left_over < 0 THEN -51 ELSE left_over END AS answer FROM judged
  ), paid AS (
    UPDATE cards SET balance = cards.balance - s.amount
    FROM (SELECT card, sum(amount) AS amount FROM decided WHERE answer >= 0 GROUP BY card) s
    WHERE cards.card = s.card
  ), kept AS (
    INSERT INTO transactions SELECT terminal, reference, card, amount, answer FROM decided
  )
  SELECT array_agg(answer ORDER BY n), bool_or(unsure) INTO answers, doubtful FROM (
    SELECT n, answer, of_card > 1 AND answer < 0 AS unsure FROM decided
    UNION ALL SELECT n, CASE WHEN same THEN first ELSE -94 END, false FROM input WHERE first IS NOT NULL
  ) AS all_of_them;
  IF doubtful THEN RAISE EXCEPTION 'one by one'; END IF;
  RETURN answers;
END $$;

CREATE FUNCTION debits_one_by_one(ts integer[], rs bigint[], cs bigint[], amounts bigint[]) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
  answers bigint[] := '{}';
BEGIN
  PERFORM FROM cards WHERE card = ANY (cs) ORDER BY card FOR UPDATE;
  FOR n IN 1 .. array_length(ts, 1) LOOP
    answers := answers || debit(ts[n], rs[n], cs[n], amounts[n]);
  END LOOP;
  RETURN answers;
END $$;
